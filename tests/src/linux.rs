//! What the tests ask of Linux and std does not offer: namespaces of a thread, signals to a group, the end of a process
//! as an event. Refuses to be more than one safe function a call.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    path::Path,
    ptr,
    time::Duration,
};

/// Moves the calling thread, and what it starts from now on, into a network and a mount namespace of its own.
pub fn enter_own_namespaces() -> io::Result<()> {
    // SAFETY: neither flag shares or separates memory or file descriptors.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) })?;
    // SAFETY: a source, type and data of NULL are what mount(2) asks for when it only changes propagation.
    check(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null()) })
}

/// Takes a mount away from this thread's mount namespace, also while it is in use.
pub fn unmount(path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) })
}

/// Whether this process may make namespaces and mounts.
pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// For the time between fork and exec: the process is killed when the thread that started it ends.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: the option takes one integer, and prctl is safe to call after fork.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
}

/// Sends a signal to all processes of a group; that none is left is no failure.
pub fn signal_group(leader: u32, signal: i32) -> io::Result<()> {
    let leader = libc::pid_t::try_from(leader).map_err(io::Error::other)?;
    // SAFETY: kill has no preconditions on memory.
    check(unsafe { libc::kill(-leader, signal) })
}

/// A descriptor that becomes readable when the process ends.
pub fn watch(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    check(fd)?;
    // SAFETY: the kernel has just made it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until one of the descriptors is readable, at most that long, and says which are.
pub fn readable(of: &[BorrowedFd<'_>], within: Duration) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> =
        of.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    let count = libc::nfds_t::try_from(polled.len()).map_err(io::Error::other)?;
    let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer and the count are those of one vector, which outlives the call.
    let found = unsafe { libc::poll(polled.as_mut_ptr(), count, millis) };
    match check(found) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
        Ok(()) | Err(_) => {}
    }
    Ok(polled.iter().map(|it| it.revents != 0).collect())
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
