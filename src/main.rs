//! The program `vitrail`.

use std::process::ExitCode;

fn main() -> ExitCode {
    vitrail::cli::run()
}
