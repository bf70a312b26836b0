//! Security responses: how long a decision takes to be enforced by running apps, and what a new
//! pack of them costs the requests meanwhile. With `passwords`, how long the demo's playbook takes to
//! decide besides.

mod backend;
mod child;
mod client;
mod latency;
mod passwords;
mod report;
mod scripted;
mod served;
mod swap;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(child::NAME) => child::run(&args.next().ok_or("no URL")?),
        Some("passwords") => passwords::measure(),
        Some(other) => Err(format!("{other}: the only argument is passwords").into()),
        None => {
            latency::measure()?;
            swap::measure()
        }
    }
}
