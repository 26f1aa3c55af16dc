//! From when a record was to be sent to its verdict, at fixed rates.
//!
//! Open loop: a record is due when its time has come, whether or not earlier ones are through, and its time
//! counts from then. What a slow contender or a slow writer holds up is in the figures.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::contender::{Contender, Running, Setup};
use super::records::{SENT, Shape, sent};
use super::report::Report;
use super::topics::{Made, STALLED};
use super::watch::Latencies;
use crate::kafka::load::{BareLoop, LoadWriter};
use crate::kafka::reader::Start;

/// Before a rate is measured it is held that long.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long the capacity is looked for.
const CAPACITY: Duration = Duration::from_secs(4);

/// Parts of the capacity that are measured.
const PARTS: [f64; 3] = [0.1, 0.5, 0.8];

/// The writer looks again after that long.
const TICK: Duration = Duration::from_micros(100);

/// Records on their way to the broker while the capacity is looked for.
const IN_FLIGHT: u64 = 20_000;

/// How latency is measured.
pub struct Latency<'a> {
    /// How the hosts are set up.
    pub setup: &'a Setup,
    /// A topic that nobody else writes to.
    pub topic: Arc<str>,
    /// What is written.
    pub shape: Shape,
    /// How long each rate is measured.
    pub time: Duration,
    /// How often.
    pub rounds: u32,
}

/// One contender at one rate, once.
pub struct Step {
    /// Who.
    pub contender: Contender,
    /// Records per second that were to be written.
    pub rate: u64,
    sent: u64,
    took: Duration,
    /// Milliseconds: p50, p99, p99.9, the largest.
    pub quantiles: [f64; 4],
}

impl Step {
    /// Records per second that were written.
    pub fn reached(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64()
    }

    /// Whether the writer could not keep the rate.
    pub fn behind(&self) -> bool {
        self.reached() < self.rate as f64 * 0.98
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let [p50, p99, p999, max] = self.quantiles;
        json!({
            "contender": self.contender.name(), "rate": self.rate, "records": self.sent, "sent_per_second": self.reached(),
            "writer_behind": self.behind(), "p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "max_ms": max,
        })
    }
}

impl Latency<'_> {
    /// Measures every rate for each contender that is quick enough for it.
    ///
    /// # Errors
    /// Where something is lost, or nothing moves.
    pub fn measure(
        &self,
        rates: &[u64],
        contenders: &[Contender],
        name: &str,
        made: &mut Made,
        report: &mut Report,
        say: &dyn Fn(&str),
    ) -> anyhow::Result<()> {
        let quick = [Contender::Bare, Contender::Native, Contender::Packed];
        let contenders: Vec<_> = contenders.iter().copied().filter(|contender| quick.contains(contender)).collect();
        let rates = if rates.is_empty() {
            let run = format!("{name}.capacity");
            made.group(&run);
            let capacity = self.capacity(&run).context("the capacity")?;
            say(&format!("this machine writes and handles {capacity:.0} events/s at once"));
            report.capacity(capacity);
            PARTS.map(|part| (capacity * part) as u64).to_vec()
        } else {
            rates.to_vec()
        };
        for round in 0..self.rounds {
            for rate in &rates {
                // In each round another one is the first.
                for contender in contenders.iter().cycle().skip(round as usize).take(contenders.len()) {
                    let run = format!("{name}.{round}.{rate}.{}", contender.name());
                    made.group(&run);
                    let step = self.step(*contender, (*rate).max(1), &run).with_context(|| run.clone())?;
                    let [p50, p99, ..] = step.quantiles;
                    say(&format!(
                        "round {round}  {:<8} at {:.0} events/s  p50 {p50:.2} ms  p99 {p99:.2} ms",
                        contender.name(),
                        step.reached()
                    ));
                    report.step(step);
                }
            }
        }
        Ok(())
    }

    fn latencies(&self) -> anyhow::Result<Arc<Latencies>> {
        Latencies::new(Instant::now()).map(Arc::new)
    }

    /// A host that has its partitions, and knows where they end.
    fn host(&self, contender: Contender, run: &str, latencies: &Arc<Latencies>) -> anyhow::Result<Running<'_>> {
        let running = Running::start(self.setup, contender, &self.topic, run, u64::MAX, Some(latencies.clone()))?;
        let (started, ready) = (Instant::now(), running.wait_ready());
        ready.with_context(|| format!("no assignment within {:.0} s", started.elapsed().as_secs_f64()))?;
        Ok(running)
    }

    /// Events per second while as many as possible are written and handled.
    fn capacity(&self, run: &str) -> anyhow::Result<f64> {
        let latencies = self.latencies()?;
        let running = self.host(Contender::Packed, run, &latencies)?;
        let done = AtomicBool::new(false);
        let rate = std::thread::scope(|scope| {
            let writer = scope.spawn(|| self.write_all(&latencies, &done));
            let result = (|| {
                running.wait("the first record", |progress| progress.finished() > 0)?;
                std::thread::sleep(WARM_UP);
                let (started, before) = (Instant::now(), running.progress.finished());
                running.wait("the capacity", |_| started.elapsed() >= CAPACITY)?;
                let events = (running.progress.finished() - before) / u64::from(self.setup.handlers);
                Ok(events as f64 / started.elapsed().as_secs_f64())
            })();
            done.store(true, Ordering::Relaxed);
            let written = writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?;
            written.and(result)
        })?;
        running.stop()?;
        Ok(rate)
    }

    fn write_all(&self, latencies: &Latencies, done: &AtomicBool) -> anyhow::Result<()> {
        let writer = LoadWriter::new(&self.setup.cluster, Duration::ZERO)?;
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            let room = number - writer.acknowledged()? < IN_FLIGHT
                && writer.send(&self.shape.record(&self.topic, number, latencies.clock()))?;
            if room {
                number += 1;
            } else {
                std::thread::sleep(TICK);
            }
        }
        Ok(())
    }

    fn step(&self, contender: Contender, rate: u64, run: &str) -> anyhow::Result<Step> {
        let latencies = self.latencies()?;
        let (sent, took, deliveries) = match contender {
            Contender::Bare => {
                let (sent, took) = self.bare(rate, &latencies)?;
                (sent, took, sent)
            }
            _ => {
                let running = self.host(contender, run, &latencies)?;
                let (sent, took) = self.write_at(rate, &latencies)?;
                let deliveries = sent * u64::from(self.setup.handlers);
                running.wait("the last record", |_| count(&latencies) >= deliveries)?;
                running.stop()?;
                (sent, took, deliveries)
            }
        };
        let counted = count(&latencies);
        anyhow::ensure!(counted == deliveries, "{counted} of {deliveries} deliveries came: this run does not hold");
        let histogram = latencies.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        let quantiles = [quantile(0.5), quantile(0.99), quantile(0.999), histogram.max() as f64 / 1e6];
        Ok(Step { contender, rate, sent, took, quantiles })
    }

    fn bare(&self, rate: u64, latencies: &Arc<Latencies>) -> anyhow::Result<(u64, Duration)> {
        let reading = BareLoop::open(&self.setup.cluster, &self.topic, Start::End)?;
        let written = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| -> anyhow::Result<()> {
                let mut quiet = Instant::now();
                loop {
                    let seen = reading.poll(TICK * 100, |record| latencies.record(sent(record.header(SENT))))?;
                    if seen.is_some() {
                        quiet = Instant::now();
                    } else if written.load(Ordering::Relaxed) && quiet.elapsed() > WARM_UP {
                        return Ok(());
                    }
                }
            });
            let sent = self.write_at(rate, latencies);
            written.store(true, Ordering::Relaxed);
            reader.join().map_err(|_| anyhow::anyhow!("the bare loop panicked"))??;
            sent
        })
    }

    /// Writes at a fixed rate. The answer is how many records were to be measured, and how long they took to write.
    fn write_at(&self, rate: u64, latencies: &Latencies) -> anyhow::Result<(u64, Duration)> {
        let writer = LoadWriter::new(&self.setup.cluster, Duration::ZERO)?;
        let started = latencies.clock();
        let each = 1e9 / rate as f64;
        let due = |number: u64| started + (number as f64 * each) as u64;
        let warm_up = (WARM_UP.as_secs_f64() * rate as f64) as u64;
        let all = warm_up + ((self.time.as_secs_f64() * rate as f64) as u64).max(1);
        latencies.from.store(due(warm_up), Ordering::Relaxed);
        let (mut number, mut measured) = (0, Instant::now());
        while number < all {
            if due(number) > latencies.clock() {
                std::thread::sleep(TICK);
                continue;
            }
            if number == warm_up {
                measured = Instant::now();
            }
            if writer.send(&self.shape.record(&self.topic, number, due(number)))? {
                number += 1;
            } else {
                std::thread::sleep(TICK);
            }
        }
        let took = measured.elapsed();
        let deadline = Instant::now() + STALLED;
        while writer.acknowledged()? < all {
            anyhow::ensure!(Instant::now() < deadline, "the broker did not take all records");
            std::thread::sleep(TICK);
        }
        Ok((all - warm_up, took))
    }
}

fn count(latencies: &Latencies) -> u64 {
    latencies.histogram.lock().unwrap_or_else(PoisonError::into_inner).len()
}
