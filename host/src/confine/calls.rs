//! System calls, by seccomp: those that a process has no use for answer `EPERM`.
//!
//! What is listed is forbidden, and everything else allowed: a library may begin to use a call that nobody thought of, and
//! a host that dies of that would harm more than the list protects from. What stands here is what an attacker reaches for
//! who is already inside: the kernel's least guarded parts, other processes, and namespaces.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::{Measure, State};

/// The conditions under which each call is forbidden; none: always.
type Forbidden = BTreeMap<i64, Vec<SeccompRule>>;

/// What neither the host nor whoever compiles ever calls.
const NEVER: &[i64] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // What is mounted, and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_mknodat,
    // The kernel's parts that were attacked most.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    // Who we are.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
];

/// The same, of calls that only this processor has.
#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_mknod,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[i64] = &[];

/// What else is forbidden to whoever compiles, who reads from one pipe and writes to two others.
const OFFLINE: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_prlimit64,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_truncate,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_inotify_add_watch,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
];

/// The same, of calls that only this processor has.
#[cfg(target_arch = "x86_64")]
const OFFLINE_HERE: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_mkdir,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_setrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const OFFLINE_HERE: &[i64] = &[];

/// Families of sockets that a host has: TCP, UDP, the C library's look at interfaces when it sorts addresses, and what
/// name services on this machine listen on.
const FAMILIES: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_UNIX];

/// For a process that compiles, and does nothing else.
pub fn forbid_to_worker() -> Measure {
    measure(|| {
        // Another process. Where the flags stand in memory nobody can look at them; the C library then takes the other call.
        forbid(all(&[libc::SYS_clone3]), libc::ENOSYS)?;
        let mut forbidden = all(&[NEVER, NEVER_HERE, OFFLINE, OFFLINE_HERE].concat());
        let process = condition(0, SeccompCmpOp::MaskedEq(flag(libc::CLONE_THREAD)), 0)?;
        insert(&mut forbidden, libc::SYS_clone, &[SeccompRule::new(vec![process])?]);
        forbid(forbidden, libc::EPERM)
    })
}

/// For a host.
pub fn forbid_to_host() -> Measure {
    measure(|| {
        let mut forbidden = all(&[NEVER, NEVER_HERE].concat());
        let others = FAMILIES.iter().map(|family| condition(0, SeccompCmpOp::Ne, flag(*family)));
        let others = SeccompRule::new(others.collect::<Result<_, _>>()?)?;
        insert(&mut forbidden, libc::SYS_socket, &[others]);
        forbid(forbidden, libc::EPERM)
    })
}

/// Anything that went wrong.
type Wrong = Box<dyn std::error::Error>;

fn measure(apply: impl FnOnce() -> Result<(), Wrong>) -> Measure {
    let state = match apply() {
        Ok(()) => State::On,
        Err(error) => State::Off(format!("this kernel takes no filter of system calls: {error}")),
    };
    Measure { name: "calls", state }
}

fn all(calls: &[i64]) -> Forbidden {
    let mut forbidden = Forbidden::new();
    for call in calls {
        insert(&mut forbidden, *call, &[]);
    }
    forbidden
}

/// On x86-64 each call has a second number, of the x32 interface, by which some kernels take it as well.
fn insert(forbidden: &mut Forbidden, call: i64, rules: &[SeccompRule]) {
    const X32: i64 = 0x4000_0000;
    forbidden.insert(call, rules.to_vec());
    if cfg!(target_arch = "x86_64") {
        forbidden.insert(call | X32, rules.to_vec());
    }
}

/// One of the C library's constants, none of which is negative.
fn flag(value: i32) -> u64 {
    u64::from(value.unsigned_abs())
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Wrong> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?)
}

fn forbid(forbidden: Forbidden, error: i32) -> Result<(), Wrong> {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let filter =
        SeccompFilter::new(forbidden, SeccompAction::Allow, refuse, TargetArch::try_from(std::env::consts::ARCH)?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    Ok(())
}

/// As on a kernel that has no Landlock, for this thread.
#[cfg(test)]
pub fn hide_landlock() {
    forbid(all(&[libc::SYS_landlock_create_ruleset]), libc::ENOSYS).unwrap();
}
