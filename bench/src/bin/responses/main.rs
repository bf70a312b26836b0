//! Security responses: how long a decision takes to be enforced by running apps, an operator's or a
//! playbook's, and what a new pack of them costs the requests meanwhile. With the argument
//! `passwords` the playbook's alone.

mod backend;
mod child;
mod client;
mod latency;
mod passwords;
mod report;
mod scripted;
mod served;
mod swap;

pub(crate) use sqreen_bench::Error;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(child::NAME) => child::run(&args.next().ok_or("no URL")?),
        Some("passwords") => passwords::measure(),
        Some(other) => Err(format!("{other}: the only argument is `passwords`").into()),
        None => {
            latency::measure()?;
            passwords::measure()?;
            swap::measure()
        }
    }
}
