//! The border around [`message`](crate::message): mails are read in a child of this same program that has no network
//! and no files, and tools from outside run in cages of their own. Its death costs one mail its text.

mod cage;
mod child;
mod process;
mod tool;
mod wire;

pub use cage::{Protection, give_way};
pub use child::{Parser, run_if_asked, run_with};
pub use process::Reader;
pub use tool::missing;
pub use wire::{Drill, SHORT};
