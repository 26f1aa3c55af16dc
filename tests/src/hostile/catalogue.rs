//! The cases. `docs/hostile.md` shows them, and a test compares.

use super::{Case, Ends, Source};
use Ends::{Acknowledged, EverySecond, Failed, ManyKinds, Quarantined, Refused, Rejected};

const fn text(name: &'static str, does: &'static str, stopped_by: &'static str, ends: Ends) -> Case {
    Case { name, does, stopped_by, source: Source::Text, ends, keys: "", events: 3 }
}

const fn probe(name: &'static str, steps: &'static str, stopped_by: &'static str, ends: Ends) -> Case {
    Case { name, does: steps, stopped_by, source: Source::Probe(steps), ends, keys: "", events: 3 }
}

const CPU: &str = "`cpu_time`";
const MEMORY: &str = "`memory`";
const ABI: &str = "each value is checked as it crosses the border";
const FRAME: &str = "each answer is checked against docs/packed-frame.md";
const LOADING: &str = "it is made and asked what it wants before it takes over, within the limits of a try";

/// Harm that these do not do, because another test does it: what, and where.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("a file that takes a compiler minutes, or gigabytes", "`tests/suite/compiling.rs`"),
    ("a pipe that nobody writes to, or a device, in the place of its file", "`tests/suite/reload/files.rs`"),
    ("HTTP to addresses and paths that were not granted", "`host/tests/http.rs`"),
    ("more memories than a component may have, and the same limit passed in several of them", "`host/tests/limits.rs`"),
    ("more instances than the host has room for: they wait, and none is blamed", "`host/tests/pool.rs`"),
    ("what one try leaves behind for the next", "`host/tests/reuse.rs`, `isolation = \"fresh\"`"),
    ("a host function that calls back into the guest that called it", "there is none: the component model forbids it"),
    ("timing, and what a processor executes by guessing", "not promised: docs/security.md"),
];

/// All cases.
pub const CASES: &[Case] = &[
    // What is never loaded.
    text("start-loop", "runs forever before it is there", LOADING, Refused("cpu_time")),
    text("start-trap", "traps before it is there", LOADING, Refused("instantiate")),
    text("memory-initial", "begins with 4 GiB of memory", LOADING, Refused("memory: 4.0 GiB")),
    text("memory-64", "has a memory that 64 bits address", "not compiled", Refused("does not compile")),
    text(
        "table-initial",
        "begins with ten million table elements",
        "not compiled, or `limits.table_elements`",
        Refused("table"),
    ),
    text("describe-loop", "never says what it wants", LOADING, Refused("cpu_time")),
    text("describe-trap", "traps when it is asked what it wants", LOADING, Refused("trap")),
    text("describe-outside", "describes what stands outside of its memory", ABI, Refused("bad_result")),
    text("describe-not-utf8", "wants an event type that is no text", ABI, Refused("bad_result")),
    text("describe-many", "wants 100,000 event types", "at most 1000", Refused("more than 1000 event types")),
    text("describe-long", "wants one event type, of a million bytes", "at most 256 bytes", Refused("256")),
    text("describe-nothing", "wants nothing", "an error, unless `events` is set", Refused("describes no event types")),
    text("describe-attributes", "says 10,000 things of itself", "at most 100", Refused("more than 100 attributes")),
    text(
        "instances-many",
        "has 200 core instances with memories",
        "at most 64 instances and 4 memories",
        Refused("does not compile"),
    ),
    text("types-deep", "has types within types, 200 deep", "refused when it is validated", Refused("nest")),
    text("types-wide", "has a type whose values have 8^30 parts", "refused when it is validated", Refused("size")),
    text(
        "import-unknown",
        "imports an interface that starts programs",
        "imports are compared with what is offered",
        Refused("wasi:process/spawn"),
    ),
    text(
        "import-server",
        "imports an interface that listens",
        "imports are compared with what is offered",
        Refused("wasi:http/incoming-handler"),
    ),
    text(
        "export-other",
        "exports the contract's name, with nothing in it",
        "exports are compared with the contract",
        Refused("does not fit the contract"),
    ),
    text("export-nothing", "is no handler", "exports are compared with the contract", Refused("no handler")),
    text("threads", "shares a memory, and waits in it", "not compiled", Refused("does not compile")),
    text("async-abi", "exports a function of the asynchronous ABI", "not compiled", Refused("does not compile")),
    text(
        "gc-types",
        "has values that a garbage collector would have to find",
        "not compiled",
        Refused("does not compile"),
    ),
    text("exceptions", "throws", "not compiled", Refused("does not compile")),
    text(
        "import-long",
        "imports something by a name of 90,000 bytes that is none",
        "1500 characters of it are told",
        Refused("does not compile"),
    ),
    text(
        "describe-ansi",
        "says things of itself that colour a terminal, and turn what follows around",
        "they are escaped where they are shown",
        Acknowledged,
    ),
    // Time.
    probe("loop", "loop", CPU, Failed("cpu_time")),
    text("realloc-loop", "never answers where the event may go", CPU, Failed("cpu_time")),
    text("memory-fill", "fills 50 MiB again and again, in long instructions", CPU, Failed("cpu_time")),
    Case { keys: "timeout = \"500ms\"", ..probe("sleep", "sleep:60s", "`timeout`", Failed("timeout")) },
    Case {
        keys: "timeout = \"500ms\"",
        ..text("poll-forever", "waits for a timer of an hour", "`timeout`", Failed("timeout"))
    },
    Case {
        keys: "timeout = \"1s\"\ncpu_time = \"100ms\"\nlimits.logs = 1000000\nlimits.log_bytes = \"1GiB\"",
        ..text(
            "log-loop",
            "asks the host without end, for what takes the host longer than the asking: hardly any of the time is its own",
            "`timeout`: `cpu_time` does not count it",
            Failed("timeout"),
        )
    },
    // Memory, stack, tables, handles.
    text("memory-grow", "takes memory as long as there is some", MEMORY, Failed("memory")),
    Case { keys: "isolation = \"fresh\"", ..probe("alloc", "alloc:100MiB", MEMORY, Failed("memory")) },
    Case {
        keys: "memory = \"16MiB\"",
        events: 60,
        ..text(
            "memory-leak",
            "takes a MiB for each event, and never gives one back",
            "its instance is replaced in time",
            Acknowledged,
        )
    },
    text("table-grow", "takes table elements as long as there are some", "`limits.table_elements`", Failed("table")),
    probe("recurse", "recurse", "512 KiB of stack", Failed("stack_overflow")),
    text("frames-wide", "calls itself without end, with much to keep", "512 KiB of stack", Failed("stack_overflow")),
    text("handles-host", "takes timers from the host without end", "`limits.handles`", Failed("handles")),
    text("handles-own", "makes resources of its own without end", "`limits.handles`", Failed("handles")),
    text("random-huge", "asks for a GiB of random bytes", "at most 1 MiB in one call", Failed("bad_result")),
    // Ends.
    probe("trap", "trap", "the instance is thrown away", Failed("trap")),
    text("exit", "ends the program", "only its try ends", Failed("exit")),
    text(
        "names-long",
        "traps in functions whose names have 90,000 bytes, and colour a terminal",
        "100 characters of a name, 1000 of a message; they are escaped",
        Failed("trap"),
    ),
    Case {
        events: 10,
        ..text(
            "trap-each-second",
            "traps at each second event",
            "the next event gets a new instance",
            EverySecond("trap"),
        )
    },
    Case {
        keys: "quarantine_tries = 6\nquarantine_events = 2\nretry_max_delay = \"10s\"",
        events: 12,
        ..probe("broken-trap", "trap", "quarantine", Quarantined("trap"))
    },
    Case {
        keys: "quarantine_tries = 6\nquarantine_events = 2\nretry_max_delay = \"10s\"",
        events: 12,
        ..probe("broken-error", "error:Broken:as a whole", "quarantine", Quarantined("Broken"))
    },
    // Answers.
    text("realloc-outside", "says that the event may go outside of its memory", ABI, Failed("bad_result")),
    text("realloc-unaligned", "says that the event may go to an odd place", ABI, Failed("bad_result")),
    text("realloc-trap", "takes no event", "the try ends", Failed("trap")),
    text("result-outside", "its verdict stands outside of its memory", ABI, Failed("bad_result")),
    text("result-text-outside", "the reason of its verdict stands outside of its memory", ABI, Failed("bad_result")),
    text("result-not-utf8", "the reason of its verdict is no text", ABI, Failed("bad_result")),
    text("result-unknown", "a verdict that there is not", ABI, Failed("bad_result")),
    probe("result-huge", "result:10MiB", "`limits.result`", Failed("result_size")),
    text("reason-long", "a reason of 900,000 bytes", "1000 characters of it are kept", Rejected),
    text(
        "retry-forever",
        "asks to be tried again in 584 million years",
        "`retry_max_delay`, `max_retries`",
        Failed("retry"),
    ),
    text(
        "kind-forged",
        "an error that calls itself `cpu_time`",
        "names of the host's own are its own",
        Failed("_other"),
    ),
    // It uses up the names of guests: what comes after it shows that those of faults are not among them.
    Case {
        keys: "max_retries = 0",
        events: 260,
        ..text(
            "kinds-many",
            "another kind of error for each event",
            "200 values of `error.type` keep their names",
            ManyKinds,
        )
    },
    text("answer-empty", "packed: answers nothing", FRAME, Failed("bad_result")),
    text("answer-outside", "packed: an answer of 2 GiB that are not there", ABI, Failed("bad_result")),
    text("answer-length", "packed: an answer that says that it has 4 GiB", FRAME, Failed("bad_result")),
    text("answer-code", "packed: a verdict from memory that was never written", FRAME, Failed("bad_result")),
    text("answer-not-run", "packed: an event that it says not to have run, without need", FRAME, Failed("bad_result")),
    text("answer-reference", "packed: a reason that stands in another record", FRAME, Failed("bad_result")),
    text(
        "answer-of-one",
        "packed: an answer to one event, however many it was given",
        "they run alone; none is charged",
        Acknowledged,
    ),
    text("batch-beyond", "packed: says that it works on an event that it was not given", FRAME, Failed("bad_result")),
    // What is asked of the host.
    text("log-not-utf8", "logs what is no text", ABI, Failed("bad_result")),
    text("log-outside", "logs what stands outside of its memory", ABI, Failed("bad_result")),
    text("log-level", "logs at a level that there is not", ABI, Failed("bad_result")),
    text("log-huge", "logs 20 MB at once", "`limits.hostcall`", Failed("hostcall_bytes")),
    probe("log-flood", "log-flood:100000", "`limits.logs`, `limits.log_bytes`", Failed("log_quota")),
    text(
        "log-ansi",
        "logs a line that would forge another, and colour a terminal",
        "control characters are escaped",
        Acknowledged,
    ),
    text(
        "stdout-flood",
        "writes to standard output as long as it may, and never ends a line",
        "`limits.log_bytes`",
        Failed("log_quota"),
    ),
    text(
        "stdout-deaf",
        "writes to standard output without end, and does not hear that it may not",
        "`limits.log_bytes`, then `cpu_time`",
        Failed("cpu_time"),
    ),
    text(
        "publish-flood",
        "publishes without end",
        "`limits.publishes`, `limits.publish_bytes`",
        Failed("publish_quota"),
    ),
    Case {
        events: 400,
        keys: "memory = \"16MiB\"\ncpu_time = \"5s\"",
        ..text(
            "publish-batch",
            "packed: is quick until batches are large, and then publishes 7 MiB for each event of one",
            "what the events of a batch publish is bounded together; each runs alone, and none is charged",
            Rejected,
        )
    },
    text("publish-headers", "publishes three million headers", "`limits.hostcall`", Failed("hostcall_bytes")),
    text("publish-forbidden", "publishes to topics that it may not publish to", "`grants.publish`", Acknowledged),
    text("publish-topic-huge", "publishes to a topic whose name has 8 MB", "refused, in a few words", Acknowledged),
    text("metric-name-huge", "counts something whose name has 8 MB", "refused, in a few words", Acknowledged),
    text(
        "metrics-flood",
        "counts 2000 things, by 2000 attributes, and by keys that would spoil `/metrics`",
        "50 metrics, 500 sets of attributes; ill-formed ones are refused",
        Acknowledged,
    ),
    text("wasi-empty", "looks for arguments, environment, files, names and sockets", "there are none", Acknowledged),
];
