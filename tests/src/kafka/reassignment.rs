//! The one request of Kafka's admins that librdkafka has not: which brokers hold a partition
//! (`AlterPartitionReassignments`, KIP-455).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

const KEY: i16 = 45;
/// To the broker and for the broker.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ends a structure without further fields.
const NO_TAGS: u8 = 0;

/// Asks `broker` for these replicas, by the brokers' ids: of each partition by its number. It begins to move then.
pub(super) fn ask(broker: SocketAddr, topic: &str, replicas: &[Vec<i32>]) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&broker, PATIENCE).context("connect to a broker")?;
    stream.set_read_timeout(Some(PATIENCE)).context("set a timeout")?;
    let request = request(topic, replicas);
    let length = i32::try_from(request.len()).context("a long request")?;
    stream.write_all(&[&length.to_be_bytes()[..], &request].concat()).context("send the request")?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("read an answer")?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).context("a negative length")?];
    stream.read_exact(&mut answer).context("read the answer")?;
    // Correlation, tags, throttle time; then how it went. What went wrong with one partition alone is seen by who waits for it.
    let error = answer.get(9..11).context("the answer is too short")?;
    ensure!(error == [0, 0], "the brokers refuse to move {topic}: error {error:?} in {answer:?}");
    Ok(())
}

fn request(topic: &str, replicas: &[Vec<i32>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Key, version, correlation, a client without a name.
    bytes.extend(KEY.to_be_bytes());
    bytes.extend(0_i16.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend((-1_i16).to_be_bytes());
    bytes.push(NO_TAGS);

    bytes.extend(i32::try_from(PATIENCE.as_millis()).expect("some seconds").to_be_bytes());
    length(&mut bytes, 1);
    length(&mut bytes, topic.len());
    bytes.extend(topic.as_bytes());
    length(&mut bytes, replicas.len());
    for (partition, replicas) in (0_i32..).zip(replicas) {
        bytes.extend(partition.to_be_bytes());
        length(&mut bytes, replicas.len());
        bytes.extend(replicas.iter().flat_map(|id| id.to_be_bytes()));
        bytes.push(NO_TAGS);
    }
    // Of the topic, and of the request.
    bytes.extend([NO_TAGS, NO_TAGS]);
    bytes
}

/// Of a list or a text: one more, in groups of seven bits, the lowest first.
fn length(bytes: &mut Vec<u8>, of: usize) {
    let mut rest = of + 1;
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
}
