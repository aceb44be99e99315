//! Memory of a plugin. Most of what a call takes it gives back in sizes that it takes again, so a block that is given back waits
//! in a list of its size: to take one is a few instructions. A call touches few pages that way, each of which the host has to reset.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
    mem::MaybeUninit,
    ptr,
};

/// The allocator of a plugin: small blocks from chunks of the system's, large ones from the system.
#[repr(C)] // The chunk comes last, so that what changes lies together with other statics.
pub struct Scratch {
    /// What is left of the chunk that new blocks are cut from: addresses.
    next: Cell<usize>,
    end: Cell<usize>,
    /// For each class of sizes the block that was given back last; it begins with a pointer to the one before.
    free: [Cell<*mut u8>; CLASSES],
    is_first_taken: Cell<bool>,
    /// The first chunk. It lies among the other statics, so that most plugins need no page of 64 KiB more.
    first: UnsafeCell<First>,
}

#[repr(align(16))]
struct First(#[expect(dead_code, reason = "taken by its address")] MaybeUninit<[u8; FIRST]>);

// SAFETY: a plugin has one thread.
unsafe impl Sync for Scratch {}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static SCRATCH: Scratch = Scratch::new();

/// Called at the end of `init`: what calls take lies in a row from here on, apart from what stays, and is part of the snapshot. The
/// small blocks that `init` gave back are lost to calls: they lie about between those that stay.
#[cfg(target_arch = "wasm32")]
pub fn settle() {
    SCRATCH.settle();
}

impl Scratch {
    const fn new() -> Scratch {
        Scratch {
            next: Cell::new(0),
            end: Cell::new(0),
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            first: UnsafeCell::new(First(MaybeUninit::uninit())),
            is_first_taken: Cell::new(false),
        }
    }

    fn settle(&self) {
        self.free.iter().for_each(|list| list.set(ptr::null_mut()));
        if self.end.get().saturating_sub(self.next.get()) < ENOUGH {
            self.more();
        }
        self.next.set(self.next.get().next_multiple_of(PAGE));
    }

    /// The list of this size, and the size of its blocks; none for the system's.
    fn class(&self, layout: Layout) -> Option<(&Cell<*mut u8>, usize)> {
        let last = layout.size().max(1) - 1;
        // Four steps from each power of two to the next, and none finer than the alignment.
        let step = last.checked_ilog2().unwrap_or(0).max(ALIGN.ilog2() + 2) - 2;
        let (steps, doublings) = (last >> step, usize::try_from(step - ALIGN.ilog2()).ok()?);
        let list = self.free.get(steps + 4 * doublings).filter(|_| layout.align() <= ALIGN)?;
        Some((list, (steps + 1) << step))
    }

    fn cut(&self, size: usize) -> Option<*mut u8> {
        let at = self.next.get();
        let next = at.checked_add(size).filter(|next| *next <= self.end.get())?;
        self.next.set(next);
        Some(ptr::with_exposed_provenance_mut(at))
    }

    /// Takes a chunk, the first one or else one of the system's; what was left of the one before is lost.
    #[cold]
    fn more(&self) -> Option<()> {
        let (chunk, size) = if self.is_first_taken.replace(true) {
            let layout = Layout::from_size_align(CHUNK, ALIGN).ok()?;
            // SAFETY: the layout has a size.
            (unsafe { System.alloc(layout) }.expose_provenance(), CHUNK)
        } else {
            (self.first.get().expose_provenance(), FIRST)
        };
        let end = chunk.checked_add(size).filter(|_| chunk != 0)?;
        self.next.set(chunk);
        self.end.set(end);
        Some(())
    }
}

// SAFETY: a block is the system's, or was cut from a chunk that never goes back; which of them, its layout says alone. It is as large
// as its class, and aligned as the chunk is, since every class is a multiple of that. A block in a list is in no use.
unsafe impl GlobalAlloc for Scratch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, size)) = self.class(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        };
        let block = list.get();
        if block.is_null() {
            let block = self.cut(size).or_else(|| self.more().and_then(|()| self.cut(size)));
            return block.unwrap_or(ptr::null_mut());
        }
        // SAFETY: what is in the list begins with a pointer, and is aligned for one.
        list.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.class(layout) {
            // SAFETY: nobody uses the block, it has room for a pointer, and is aligned for one.
            Some((list, _)) => unsafe { block.cast::<*mut u8>().write(list.replace(block)) },
            // SAFETY: as the caller promises.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is one with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (self.class(layout), self.class(wanted)) {
            (Some((_, old)), Some((_, new))) if old == new => block,
            // SAFETY: as the caller promises.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            // SAFETY: both blocks are as large as their layouts say, and not the same.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

/// The system takes pages of 64 KiB: two chunks and what it keeps of them fit into one. The host looks at every page of a memory after
/// each call.
const CHUNK: usize = 31 << 10;
/// What most plugins keep of `init`, up to 30 KiB, and [`ENOUGH`].
const FIRST: usize = 46 << 10;
/// What is left of a chunk is used if it is as much as this: an ordinary call takes less.
const ENOUGH: usize = 16 << 10;
/// What the host's system counts memory in, mostly.
const PAGE: usize = 4 << 10;
/// Of a chunk and of every block in it.
const ALIGN: usize = 16;
/// 16, 32, 48, 64, 80, 96, 112, 128, 160, 192 bytes and so on to 8 KiB.
const CLASSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that is filled with its number.
    struct Block {
        at: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn is_whole(&self, size: usize) -> bool {
            // SAFETY: it is in use, and filled as far as this.
            (0..size).all(|at| unsafe { self.at.add(at).read() } == self.fill)
        }
    }

    /// The same numbers each time (Knuth's generator).
    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap()
    }

    #[test]
    fn no_block_is_touched_by_another() {
        let (scratch, mut state, mut blocks) = (Scratch::new(), 1, Vec::<Block>::new());
        for turn in 0..20_000_u32 {
            if turn == 1_000 {
                scratch.settle();
            }
            let size = 1 + random(&mut state) % [8, 64, 1_000, 40_000][random(&mut state) % 4];
            let fill = u8::try_from(turn % 251).unwrap();
            match random(&mut state) % 5 {
                0 | 1 => {
                    let layout = Layout::from_size_align(size, 1 << (random(&mut state) % 7)).unwrap();
                    // SAFETY: the layout has a size.
                    let at = unsafe { scratch.alloc(layout) };
                    assert!(!at.is_null() && at.addr() % layout.align() == 0, "{layout:?}");
                    // SAFETY: it has this size.
                    unsafe { at.write_bytes(fill, size) };
                    blocks.push(Block { at, layout, fill });
                }
                2 if !blocks.is_empty() => {
                    // Mostly the last one, which can grow where it is.
                    let at = blocks.len() - 1 - random(&mut state) % blocks.len().min(2);
                    let old = &mut blocks[at];
                    // SAFETY: it is in use, and its layout is this.
                    let moved = unsafe { scratch.realloc(old.at, old.layout, size) };
                    let kept = old.layout.size().min(size);
                    *old =
                        Block { at: moved, layout: Layout::from_size_align(size, old.layout.align()).unwrap(), ..*old };
                    assert!(old.is_whole(kept) && moved.addr() % old.layout.align() == 0);
                    // SAFETY: it has this size.
                    unsafe { moved.write_bytes(old.fill, size) };
                }
                _ if !blocks.is_empty() => {
                    let at = blocks.len() - 1 - random(&mut state) % blocks.len().min(3);
                    let gone = blocks.remove(at);
                    assert!(gone.is_whole(gone.layout.size()));
                    // SAFETY: it is in use, and its layout is this.
                    unsafe { scratch.dealloc(gone.at, gone.layout) };
                }
                _ => {}
            }
        }
        assert!(blocks.len() > 100 && blocks.iter().all(|it| it.is_whole(it.layout.size())));
    }

    #[test]
    fn a_class_wastes_a_fifth_at_most_and_each_has_one_size() {
        let scratch = Scratch::new();
        let mut sizes = [0; CLASSES];
        for size in 1..=8_192 {
            let (list, block) = scratch.class(Layout::from_size_align(size, 8).unwrap()).unwrap();
            let at = scratch.free.iter().position(|it| ptr::eq(it, list)).unwrap();
            assert!(
                block >= size && block.is_multiple_of(ALIGN) && (size <= 64 || block * 4 <= size * 5),
                "{size} {block}"
            );
            assert!(sizes[at] == 0 || sizes[at] == block, "{size}");
            sizes[at] = block;
        }
        assert_eq!((sizes[0], sizes[CLASSES - 1], sizes.contains(&0)), (16, 8_192, false));
        assert!(scratch.class(Layout::from_size_align(8_193, 8).unwrap()).is_none());
    }

    #[test]
    fn what_is_given_back_is_used_again_but_not_across_init() {
        let (scratch, layout) = (Scratch::new(), Layout::from_size_align(100, 4).unwrap());
        // SAFETY: the layouts have sizes, and each block is given back once.
        unsafe {
            let [first, second] = [(); 2].map(|()| scratch.alloc(layout));
            assert_eq!(scratch.realloc(first, layout, 112), first);
            scratch.dealloc(second, layout);
            assert_eq!(scratch.alloc(layout), second);
            scratch.dealloc(second, layout);
            scratch.settle();
            assert_ne!(scratch.alloc(layout), second);
        }
    }

    #[test]
    fn the_first_chunk_is_used_up_before_the_system_is_asked() {
        let (scratch, layout) = (Scratch::new(), Layout::from_size_align(1 << 10, 8).unwrap());
        let first = scratch.first.get().addr();
        let is_within = |block: *mut u8| (first..first + FIRST).contains(&block.addr());
        // SAFETY: the layout has a size.
        let blocks: Vec<_> = (0..=FIRST >> 10).map(|_| is_within(unsafe { scratch.alloc(layout) })).collect();
        assert_eq!(blocks, [vec![true; FIRST >> 10], vec![false]].concat());
    }
}
