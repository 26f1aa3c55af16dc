//! The thread that starts all children.
//!
//! The kernel's "signal me when my parent dies" means the parent *thread*. Tests run on threads of their own that end
//! with them, so a child that several tests share must be started from a thread that lives as long as the process.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

struct Order {
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}

static ORDERS: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, received) = channel::<Order>();
    std::thread::Builder::new()
        .name("spawner".into())
        .spawn(move || {
            for Order { mut command, answer } in received {
                // Whoever ordered is waiting below, so the answer always arrives.
                let _ = answer.send(command.spawn());
            }
        })
        .expect("a thread can be started");
    orders
});

/// Starts `command`, which gets `signal` from the kernel when this process dies.
pub(super) fn spawn(mut command: Command, signal: libc::c_int) -> io::Result<Child> {
    let parent = std::process::id().cast_signed();
    // SAFETY: runs between fork and exec, where only async-signal-safe calls are allowed: `prctl` and `getppid` are,
    // and neither `io::Error` constructor allocates.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the call above; then nobody would ever send the signal.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    let (answer, answered) = sync_channel(1);
    ORDERS.send(Order { command, answer }).expect("the spawner lives as long as the process");
    answered.recv().expect("the spawner lives as long as the process")
}
