//! Printing that outlives its reader.
//!
//! `println!` panics when the pipe is closed. `limekiln get | head -1` must not, and an apply whose
//! output nobody reads any more must still go on to its end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// What went wrong first with standard output, a closed pipe aside.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Prints to standard output, with styles where they are wanted.
pub fn print(text: Arguments<'_>) {
    if let Err(error) = anstream::stdout().write_fmt(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        FAILURE.get_or_init(|| error.to_string());
    }
}

/// Prints to standard error; if that fails there is nobody to tell.
pub fn print_error(text: Arguments<'_>) {
    let _ = anstream::stderr().write_fmt(text);
}

/// Why not all could be printed, such as a full disk.
pub fn failure() -> Option<&'static str> {
    FAILURE.get().map(String::as_str)
}

/// `print!` that does not panic.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::out::print(format_args!($($text)*)) };
}

/// `println!` that does not panic.
macro_rules! outln {
    () => { $crate::output::out::print(format_args!("\n")) };
    ($($text:tt)*) => {
        $crate::output::out::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// `eprintln!` that does not panic.
macro_rules! errln {
    ($($text:tt)*) => {
        $crate::output::out::print_error(format_args!("{}\n", format_args!($($text)*)))
    };
}
