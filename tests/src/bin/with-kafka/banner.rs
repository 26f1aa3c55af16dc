//! What somebody who wants to try things has to know.

use sandbus_tests::Kafka;
use sandbus_tests::kafka::{Mechanism, VERSION};

pub(crate) fn print(kafka: &Kafka) {
    let connection = kafka.connection();
    let sasl = kafka.sasl();
    let address = connection.bootstrap();
    println!(
        "Kafka {} is up. Ctrl-C stops it and removes its data.

  PLAINTEXT  {address}
  SASL_SSL   {}  (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN)

Write an event and read it back:
  echo '{{\"type\":\"OrderCreated\",\"key\":\"o-1\",\"value\":{{\"total\":42}}}}' | target/release/sandbus publish -b {address} -t events.stream
  target/release/sandbus tail -b {address} -t events.stream --from-beginning --exit

Run a host on it:
  SANDBUS_KAFKA__BOOTSTRAP_SERVERS={address} target/release/sandbus run -c sandbus.toml

With TLS and a password, in sandbus.toml:
  [kafka]
  bootstrap_servers = \"{}\"
  [kafka.properties]",
        *VERSION, sasl.bootstrap, sasl.bootstrap,
    );
    for (name, value) in sasl.connection(Mechanism::ScramSha512).properties() {
        println!("  \"{name}\" = \"{value}\"");
    }
    println!("\nIts log is {}", kafka.log_file().display());
}
