//! The views: thin, and each a function of the store and the address. What can be wrong in them is in the pure modules.

mod certificates;
mod decisions;
mod demo;
mod help;
mod live;
mod map;
mod masthead;
mod overview;
mod palette;
mod path;
mod paths;
mod plugins;
mod query;
mod sign;
mod states;
mod table;
mod trace;

pub use certificates::Certificates;
pub use decisions::Decisions;
pub use demo::DemoStrip;
pub use help::Help;
pub use masthead::Masthead;
pub use overview::Overview;
pub use palette::Palette;
pub use path::PathPage;
pub use paths::Paths;
pub use plugins::Plugins;
pub use states::NoPage;
