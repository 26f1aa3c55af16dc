//! `sandbus dev`: a project at work while it is written.
//!
//! Threads: one looks at the project's files, one builds, one has the host and runs the sample events, one reads stdin, one
//! waits for signals. They tell this one, which writes what is seen, and does nothing else that could be waited for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use tokio::signal::unix::{SignalKind, signal};

use super::{Done, Failure};
use crate::kafka::embedded::EmbeddedBroker;
use crate::toolchain::Language;

mod builder;
mod feed;
mod screen;
mod session;
mod watch;

use builder::{Builder, Built};
use feed::{Feed, News};
use screen::{Screen, Tone};
use session::{Order, Place, Session};
use watch::{Saved, Watch};

/// What happened to events and is not shown yet.
const NEWS: usize = 4096;

/// How often the line of state is made.
const TICK: Duration = Duration::from_millis(100);

/// How often it is told what was not shown.
const SKIPPED: Duration = Duration::from_secs(2);

/// After that long it is said what is waited for.
const LONG: Duration = Duration::from_secs(2);

/// How long the view may take to end.
const END: Duration = Duration::from_secs(1);

/// Write a handler and see it at work: builds, reloads and runs the sample events at every save
///
/// Needs no Kafka: there is a broker inside the process. Every file of the project is watched but what is hidden, and
/// what stands in `target` and `node_modules`. When one is saved, the project is built as by `sandbus build`, the new
/// version takes over, and the sample events run through it. Each try is shown with verdict, log lines, what it
/// published, time, CPU and memory. What cannot be built is shown, and the version before it goes on.
///
/// Enter runs the sample events again. Ctrl-C ends.
///
/// Handlers, limits and grants are those of the configuration. Not used of it are brokers, `admin` and `telemetry`;
/// waits between tries are a second at most, and a handler that fails is neither quarantined nor rolled back.
#[derive(Debug, Args)]
#[command(after_help = "Environment:\n  NO_COLOR  no colours\n\n\
                        Examples:\n  sandbus new orders --lang rust && sandbus dev orders\n  sandbus dev --events more.jsonl")]
pub struct Dev {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Configuration file [default: the project's sandbus.toml, where there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sample events as JSON Lines [default: the project's events.jsonl]
    #[arg(short, long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// What the view is told.
enum Happening {
    /// A line.
    Say(Tone, String),
    /// A build has begun, or has ended well or not.
    Build(Build),
    /// What was built is loaded since then; or no longer.
    Loading(Option<Instant>),
    /// What is at work.
    Work(Work),
    /// Enter was pressed.
    Entered,
    /// The host has failed, for this reason.
    Failed(String),
    /// Somebody wants it to end.
    End,
}

/// Whether something is loaded.
#[derive(Default)]
struct Loading {
    since: Option<Instant>,
    /// Whether it was said that it takes long.
    said: bool,
}

impl Loading {
    /// Whether it takes long, and that was not said yet.
    fn is_long(&mut self) -> bool {
        let long = !self.said && self.since.is_some_and(|since| since.elapsed() >= LONG);
        self.said |= long;
        long
    }
}

/// What is at work.
struct Work {
    what: String,
    /// Whether it is given events already.
    joined: bool,
    /// Whether that is more than one handler.
    several: bool,
}

#[derive(Clone, Copy)]
enum Build {
    Begun(Instant),
    Good,
    Failed,
}

impl Dev {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "error");
        let place = self.place()?;
        let builder = Arc::new(Builder::default());
        let (tell, happenings) = unbounded();
        // First of all: from here on Ctrl-C ends what is started.
        hear_signals(builder.clone(), tell.clone())?;
        let screen = Screen::on_stdout();
        let broker = EmbeddedBroker::start()?;
        let at = format!("{}, with a broker at {}", place.folder.display(), broker.bootstrap_servers());
        let _ = tell.send(Happening::Say(Tone::Plain, format!("sandbus dev: {at}")));
        // Before the first build: what is saved meanwhile is seen.
        let watch = Watch::new(&place.folder, &place.config, &place.events);
        if watch.is_full() {
            let line = format!("the project has more than {} files; those beyond are not watched", watch::MAX_FILES);
            let _ = tell.send(Happening::Say(Tone::Odd, line));
        }

        let (news_in, news) = bounded(NEWS);
        let feed = Feed::new(news_in);
        let (orders_in, orders) = unbounded();
        let (build_in, builds) = bounded(1);
        let session = Session::new(place.clone(), broker, feed.clone(), tell.clone());
        start("session", move || session.run(&orders))?;
        let building = Building { builder: builder.clone(), place, tell: tell.clone(), orders: orders_in.clone() };
        let colours = screen.has_colours();
        start("build", move || building.run(&builds, colours))?;
        let _ = build_in.try_send(());
        let orders = orders_in.clone();
        start("watch", move || watch.run(|saved| saved_now(saved, &build_in, &orders)))?;
        start("stdin", move || read_stdin(&tell, &orders_in))?;

        let shown = View { screen, feed, build: Build::Begun(Instant::now()), loading: Loading::default(), work: None };
        let ended = shown.run(&news, &happenings);
        builder.end();
        ended
    }

    fn place(&self) -> Result<Place, Failure> {
        let folder = self.directory.canonicalize().ok().filter(|folder| folder.is_dir());
        let folder =
            folder.ok_or_else(|| Failure::Usage(format!("there is no folder {}", self.directory.display())))?;
        // Before it is watched: it may be somebody's whole home.
        Language::of_project(&folder).map_err(|error| Failure::Usage(error.to_string()))?;
        let file = |named: &Option<PathBuf>, default| match named {
            Some(named) if named.is_file() => {
                std::path::absolute(named).map_err(|error| Failure::Usage(error.to_string()))
            }
            Some(named) => Err(Failure::Usage(format!("there is no file {}", named.display()))),
            None => Ok(folder.join(default)),
        };
        let (config, events) = (file(&self.config, "sandbus.toml")?, file(&self.events, "events.jsonl")?);
        Ok(Place { folder, config, events })
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .with_context(|| format!("cannot start the thread {name}"))?;
    Ok(())
}

/// Ends builds at a signal, at once; the view may take a moment to leave the terminal as it was.
fn hear_signals(builder: Arc<Builder>, tell: Sender<Happening>) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().context("cannot wait for signals")?;
    let mut signals = {
        let _runtime = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    start("signals", move || {
        runtime.block_on(async {
            tokio::select! {
                _ = signals.0.recv() => {}
                _ = signals.1.recv() => {}
                _ = signals.2.recv() => {}
            }
        });
        let _ = tell.send(Happening::End);
        builder.end();
        // Unless nobody takes what it writes.
        std::thread::sleep(END);
        std::process::exit(0);
    })
}

fn saved_now(saved: Saved, build: &Sender<()>, orders: &Sender<Order>) {
    if saved.config {
        let _ = orders.send(Order::Configure);
    }
    // After a build the events run anyway, if there is something new; an edited event may be for what is there.
    if saved.events {
        let _ = orders.send(Order::Run);
    }
    if saved.sources {
        // One that waits to begin will see this, too.
        let _ = build.try_send(());
    }
}

fn read_stdin(tell: &Sender<Happening>, orders: &Sender<Order>) {
    for line in io::stdin().lines() {
        if line.is_err() || tell.send(Happening::Entered).is_err() || orders.send(Order::Run).is_err() {
            return;
        }
    }
}

/// Builds when it is told to.
struct Building {
    builder: Arc<Builder>,
    place: Place,
    tell: Sender<Happening>,
    orders: Sender<Order>,
}

impl Building {
    fn run(self, builds: &Receiver<()>, colours: bool) {
        while builds.recv().is_ok() {
            let begun = Instant::now();
            let _ = self.tell.send(Happening::Build(Build::Begun(begun)));
            let say = |line| {
                let _ = self.tell.send(Happening::Say(Tone::Tool, line));
            };
            let (state, tone, line) = match self.builder.build(&self.place.folder, colours, &say) {
                Ok(Some(built)) => {
                    let line = self.said(&built, begun.elapsed());
                    let _ = self.orders.send(Order::Built(built));
                    (Build::Good, Tone::Good, line)
                }
                Ok(None) => (Build::Failed, Tone::Bad, "the build failed".to_owned()),
                Err(error) => (Build::Failed, Tone::Bad, format!("{error:#}")),
            };
            let _ = self.tell.send(Happening::Say(tone, line));
            let _ = self.tell.send(Happening::Build(state));
        }
    }

    fn said(&self, built: &Built, took: Duration) -> String {
        let path: &Path = built.component.strip_prefix(&self.place.folder).unwrap_or(&built.component);
        let (size, took) = (bytesize::ByteSize(built.bytes), took.as_secs_f64());
        let same = if built.changed { "" } else { ", unchanged" };
        format!("built {} ({size}{same}) in {took:.1} s", path.display())
    }
}

/// What is seen.
struct View<W> {
    screen: Screen<W>,
    feed: Arc<Feed>,
    build: Build,
    loading: Loading,
    work: Option<Work>,
}

impl<W: io::Write> View<W> {
    /// Shows what happens, until it is to end.
    fn run(mut self, news: &Receiver<News>, happenings: &Receiver<Happening>) -> Done {
        let mut told = Instant::now();
        loop {
            // What happens to events follows from what is said before.
            let written = select_biased! {
                recv(happenings) -> happening => match happening {
                    Ok(Happening::Failed(error)) => {
                        let _ = self.screen.end();
                        return Err(Failure::Wrong(error));
                    }
                    Ok(Happening::End) | Err(_) => {
                        let _ = self.screen.end();
                        return Ok(());
                    }
                    Ok(happening) => self.show(happening),
                },
                recv(news) -> news => news.map_or(Ok(()), |news| {
                    let several = self.work.as_ref().is_some_and(|work| work.several);
                    self.screen.news(&news, several)
                }),
                default(TICK) => Ok(()),
            };
            let written = written.and_then(|()| self.remind(&mut told));
            match written.and_then(|()| self.screen.state(self.state())) {
                Ok(()) => {}
                // Nobody reads any more.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Failure::Wrong(format!("cannot write to stdout: {error}"))),
            }
        }
    }

    /// Says what nobody has said: what was not shown since then, and what is waited for.
    fn remind(&mut self, told: &mut Instant) -> io::Result<()> {
        if told.elapsed() >= SKIPPED {
            *told = Instant::now();
            if let Some(skipped) = self.feed.skipped() {
                self.screen.say(Tone::Odd, &skipped)?;
            }
        }
        if self.loading.is_long() {
            self.screen.say(Tone::Plain, "compiling it for this machine; a large runtime takes a while")?;
        }
        Ok(())
    }

    fn show(&mut self, happening: Happening) -> io::Result<()> {
        match happening {
            Happening::Say(tone, text) => self.screen.say(tone, &text),
            Happening::Build(build) => {
                self.build = build;
                match (build, &self.work) {
                    (Build::Failed, Some(work)) => self.screen.say(Tone::Plain, &format!("{} goes on", work.what)),
                    (Build::Failed, None) => {
                        self.screen.say(Tone::Plain, "nothing is at work; waiting for a file to be saved")
                    }
                    _ => Ok(()),
                }
            }
            Happening::Loading(since) => {
                self.loading = Loading { since, said: false };
                Ok(())
            }
            Happening::Work(work) => {
                self.work = Some(work);
                Ok(())
            }
            Happening::Entered => self.screen.entered(),
            Happening::Failed(_) | Happening::End => Ok(()),
        }
    }

    fn state(&self) -> String {
        let work = match &self.work {
            None => "nothing at work".to_owned(),
            Some(Work { what, joined: true, .. }) => format!("{what} at work"),
            Some(Work { what, .. }) => format!("{what} joins its group"),
        };
        let build = match self.build {
            Build::Begun(since) => format!("building for {} s", since.elapsed().as_secs()),
            Build::Good => match self.loading.since {
                Some(since) => format!("loading for {} s", since.elapsed().as_secs()),
                None => "built".to_owned(),
            },
            Build::Failed => "the build failed".to_owned(),
        };
        format!(" {build} | {work} | Enter: run the events again, Ctrl-C: end")
    }
}
