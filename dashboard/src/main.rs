//! Starts the dashboard in the page that loaded it.

fn main() {
    dashboard::start();
}
