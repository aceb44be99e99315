//! The dashboard in a real browser, in front of a real gate: Debian's Chromium, driven by its ChromeDriver.
//!
//! One gate, one demo and one driver serve all promises, each in a browser session of its own. A promise is a function whose name
//! says it; a broken one does not keep the next from being tried.

mod driver;
mod figures;
mod promises;
mod show;

use crate::{gate::Gate, world};
use anyhow::{Result, bail};
use driver::Driver;
use show::Show;
use std::{env, fs, future::Future, pin::Pin, time::Instant};

/// What a promise is kept with.
pub struct Setting {
    pub gate: Gate,
    /// A page that is full: 60 nodes, traffic, attacks.
    pub show: Show,
    pub driver: Driver,
}

/// A promise and how to see that it is kept.
pub struct Promise {
    pub name: &'static str,
    pub keep: for<'a> fn(&'a mut Setting) -> Kept<'a>,
}

/// A promise that is being kept.
pub type Kept<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

#[test]
fn the_dashboard_keeps_its_promises_in_a_real_browser() -> Result<()> {
    let Some(driver) = Driver::start()? else {
        return world::skip("Chromium and its driver are not here: install Debian's `chromium` and `chromium-driver`");
    };
    let mut setting = Setting { gate: Gate::start()?, show: Show::start(&[])?, driver };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut broken = Vec::new();
    for promise in promises::ALL {
        let start = Instant::now();
        let kept = runtime.block_on((promise.keep)(&mut setting));
        let seconds = start.elapsed().as_secs_f64();
        match kept {
            Ok(()) => eprintln!("kept   {seconds:5.1} s  {}", promise.name),
            Err(error) => {
                eprintln!("BROKEN {seconds:5.1} s  {}: {error:#}", promise.name);
                broken.push(promise.name);
            }
        }
    }
    if !broken.is_empty() {
        bail!("broken: {}", broken.join(", "));
    }
    Ok(())
}

/// `cargo xtask bench dashboard` names a file for the figures; nobody else waits for them.
#[test]
fn the_dashboard_is_measured_where_somebody_asks_for_figures() -> Result<()> {
    let Some(file) = env::var_os("PATHGATE_FIGURES") else { return Ok(()) };
    let Some(driver) = Driver::start()? else {
        return world::skip("Chromium and its driver are not here: install Debian's `chromium` and `chromium-driver`");
    };
    let (gate, show) = (Gate::start()?, Show::start(&figures::SHOW)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(fs::write(file, runtime.block_on(figures::take(&driver, &gate, &show))?)?)
}
