//! The program `vitrail`.

use std::process::ExitCode;

/// Gives freed memory back to the system: after a graph is built, the C library's allocator keeps
/// as much as all rows (`src/decisions/0010-against-others.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vitrail::cli::run()
}
