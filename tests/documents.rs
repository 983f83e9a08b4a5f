//! The documents: what they link to, show and name is there, both languages say the same, and the reference is what the code says.

mod commands;
mod links;
mod manual;
mod markdown;
mod messages;
mod names;
mod pairs;
mod reference;
mod screens;
mod shell;
