//! Leaves a panic's message where the host finds it: a plugin cannot print.

use std::{cell::UnsafeCell, fmt::Write, panic};

/// Sixteen bytes that occur once in the memory, then the length, then the text. The host looks for them after a trap.
#[repr(C)]
struct Epitaph {
    mark: [u8; 16],
    length: UnsafeCell<u32>,
    text: UnsafeCell<[u8; 512]>,
}

// SAFETY: a plugin has one thread.
unsafe impl Sync for Epitaph {}

static EPITAPH: Epitaph =
    Epitaph { mark: *b"pathgate-panic\xf0\x01", length: UnsafeCell::new(0), text: UnsafeCell::new([0; 512]) };

/// Called by `init`, so that the hook is part of the snapshot.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        let mut text = String::new();
        let message = info.payload_as_str().unwrap_or("panicked");
        // Writing to a string does not fail.
        let _ = match info.location() {
            Some(at) => write!(text, "{message} ({}:{})", at.file(), at.line()),
            None => write!(text, "{message}"),
        };
        let length = text.len().min(512);
        // SAFETY: one thread, and `length` fits both. Volatile: nothing in the plugin reads it, and it must not be
        // optimised away before the trap that follows.
        unsafe {
            for (at, byte) in text.bytes().take(length).enumerate() {
                EPITAPH.text.get().cast::<u8>().add(at).write_volatile(byte);
            }
            EPITAPH.length.get().write_volatile(u32::try_from(length).unwrap_or(0));
        }
        std::hint::black_box(&EPITAPH.mark);
    }));
}
