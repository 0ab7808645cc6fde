//! The thin binary: what the command line says is decided in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    howdah::cli::main()
}
