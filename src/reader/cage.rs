//! What a process that touches hostile bytes gives up before it does: files, network, new processes, boundless memory.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use libc::c_long;
use rustix::process::{Resource, Rlimit, getpriority_process, setpriority_process, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Address space of a caged process.
const MEMORY: u64 = 1 << 30;
/// CPU of a reader over all of its mails; of a tool, for its one file.
const READER_SECONDS: u64 = 4 * 3600;
const TOOL_SECONDS: u64 = 30;
/// The largest file that a tool may write.
const TOOL_FILE: u64 = 64 << 20;

/// A protection, and whether this kernel gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Protection {
    Full,
    Partial,
    None,
}

/// What the cage came to.
#[derive(Debug, Clone, Copy)]
pub struct Cage {
    /// Landlock: no files, no TCP.
    pub landlock: Protection,
    /// seccomp: no system calls but those that reading needs.
    pub seccomp: Protection,
}

/// Shuts the reader in for good: its standard streams and its memory are all that it has.
///
/// # Errors
/// When limits cannot be set; Landlock and seccomp depend on the kernel and are reported instead.
pub fn reader() -> rustix::io::Result<Cage> {
    // Landlock first: making its rules takes a file handle.
    let landlock = shut_files(&[], None);
    give_way();
    limits(&[
        (Resource::As, MEMORY),
        (Resource::Cpu, READER_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 3),
        (Resource::Nproc, 0),
    ])?;
    Ok(Cage {
        landlock,
        seccomp: protection(allow(&READER_CALLS).and_then(apply)),
    })
}

/// Shuts a tool in before it is started: it sees programs and libraries, its own folder, and no network.
///
/// # Errors
/// As [`reader`].
pub fn tool(folder: &Path) -> rustix::io::Result<Cage> {
    limits(&[
        (Resource::As, MEMORY),
        (Resource::Cpu, TOOL_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, TOOL_FILE),
        (Resource::Nofile, 64),
    ])?;
    let seen = [
        "/usr",
        "/lib",
        "/lib64",
        "/bin",
        "/etc/ld.so.cache",
        "/etc/fonts",
        "/etc/alternatives",
        "/dev/null",
        "/dev/urandom",
    ];
    let landlock = shut_files(&seen, Some(folder));
    let filters = deny(&TOOL_REFUSED)
        .and_then(apply)
        .and_then(|()| threads_only())
        .and_then(apply);
    let filters = filters
        .and_then(|()| unknown(libc::SYS_clone3))
        .and_then(apply);
    Ok(Cage {
        landlock,
        seccomp: protection(filters),
    })
}

/// Lets others go first from now on, where the processor is busy: this thread, and what it starts.
pub fn give_way() {
    const NICE: i32 = 5;
    // setpriority(2); without it all is as well, only not as soon. Who was started by one that does so does it already.
    if getpriority_process(None).is_ok_and(|nice| nice < NICE) {
        let _ = setpriority_process(None, NICE);
    }
}

fn limits(limits: &[(Resource, u64)]) -> rustix::io::Result<()> {
    limits.iter().try_for_each(|&(resource, most)| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)
    })
}

fn shut_files(read: &[&str], write: Option<&Path>) -> Protection {
    let abi = ABI::V6;
    let shut = || -> Result<RulesetStatus, landlock::RulesetError> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(abi)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(abi)))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match shut() {
        Ok(RulesetStatus::FullyEnforced) => Protection::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Protection::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Protection::None,
    }
}

fn protection(filtered: Result<(), seccompiler::Error>) -> Protection {
    filtered.map_or(Protection::None, |()| Protection::Full)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(
    rules: Rules,
    matched: SeccompAction,
    other: SeccompAction,
) -> Result<BpfProgram, seccompiler::Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, other, matched, arch)?.try_into()?)
}

fn apply(program: BpfProgram) -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(&program)
}

const REFUSED: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

fn allow(calls: &[c_long]) -> Result<BpfProgram, seccompiler::Error> {
    filter(
        calls.iter().map(|&call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        REFUSED,
    )
}

fn deny(calls: &[c_long]) -> Result<BpfProgram, seccompiler::Error> {
    filter(
        calls.iter().map(|&call| (call, Vec::new())).collect(),
        REFUSED,
        SeccompAction::Allow,
    )
}

/// A C library that finds clone3 unknown goes back to clone, whose flags a filter can see.
fn unknown(call: c_long) -> Result<BpfProgram, seccompiler::Error> {
    let action = SeccompAction::Errno(libc::ENOSYS as u32);
    filter([(call, Vec::new())].into(), action, SeccompAction::Allow)
}

/// clone may make threads, not processes.
fn threads_only() -> Result<BpfProgram, seccompiler::Error> {
    let thread = libc::CLONE_THREAD as u64;
    let flags = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )?;
    filter(
        [(libc::SYS_clone, vec![SeccompRule::new(vec![flags])?])].into(),
        REFUSED,
        SeccompAction::Allow,
    )
}

/// Memory, time, chance, and the streams it was born with.
const READER_CALLS: [c_long; 27] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

const TOOL_REFUSED: [c_long; 24] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_userfaultfd,
    libc::SYS_chroot,
];
