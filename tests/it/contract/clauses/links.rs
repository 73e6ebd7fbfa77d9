//! Connections: whom we met, who is refused, what is lost and comes back.

use anyhow::{Result, bail, ensure};
use holdpoint::model::reply::{HostKey, JobReport, LinkReport, Refusal};
use holdpoint::transport::Look;

use crate::contract::bench::{Bench, is_down, is_up};
use crate::contract::far::Meeting;

fn is_unknown(report: &LinkReport) -> bool {
    matches!(report, LinkReport::UnknownHostKey { .. })
}

fn is_changed(report: &LinkReport) -> bool {
    let refused = matches!(
        report,
        LinkReport::Refused {
            refusal: Refusal::HostKey,
            ..
        }
    );
    refused || matches!(report, LinkReport::ChangedHostKey { .. })
}

fn is_refused(report: &LinkReport) -> bool {
    matches!(report, LinkReport::Refused { .. })
}

fn is_any(_: &LinkReport) -> bool {
    true
}

pub async fn tells_whom_it_met(bench: &mut Bench) -> Result<()> {
    let LinkReport::Up {
        incarnation,
        host_key,
        user,
    } = bench.connect().await?
    else {
        bail!("asked for that");
    };
    let shown = host_key.map(|key| (key.algorithm, key.fingerprint));
    let meant = ("ssh-ed25519".to_owned(), bench.fingerprint());
    ensure!(shown.as_ref() == Some(&meant), "{shown:?}, not {meant:?}");
    ensure!(user == bench.user(), "logged in as {user}");
    ensure!(!incarnation.is_empty(), "no boot was told");
    // A link that stands is told again, and is the same.
    let node = bench.node();
    bench.look(Look::Reconnect { node });
    let again = bench.link("the link, told again", is_up).await?;
    let LinkReport::Up {
        incarnation: same, ..
    } = again
    else {
        bail!("asked for that");
    };
    ensure!(same == incarnation, "{same}, and {incarnation} before");
    Ok(())
}

async fn unknown_key(bench: &mut Bench) -> Result<HostKey> {
    bench.meet(Meeting::Unknown)?;
    let node = bench.node();
    bench.look(Look::Connect { node });
    match bench.link("a question about the key", is_unknown).await? {
        LinkReport::UnknownHostKey { key, .. } => Ok(key),
        other => bail!("{other:?}"),
    }
}

fn answer(bench: &mut Bench, fingerprint: &str, accept: bool) {
    let node = bench.node();
    let fingerprint = fingerprint.to_owned();
    bench.look(Look::HostKey {
        node,
        fingerprint,
        accept,
    });
}

pub async fn asks_about_an_unknown_key(bench: &mut Bench) -> Result<()> {
    let asked = unknown_key(bench).await?;
    answer(bench, "SHA256:another", true);
    answer(bench, &asked.fingerprint, true);
    let LinkReport::Up { host_key, .. } = bench.link("a link", is_up).await? else {
        bail!("asked for that");
    };
    ensure!(
        host_key.as_ref() == Some(&asked),
        "{host_key:?}, not {asked:?}"
    );
    ensure!(bench.links(is_unknown) == 1, "asked more than once");
    Ok(())
}

pub async fn refuses_what_was_not_accepted(bench: &mut Bench) -> Result<()> {
    let asked = unknown_key(bench).await?;
    answer(bench, &asked.fingerprint, false);
    let refused = bench.link("a refusal", is_refused).await?;
    let by_key = matches!(
        refused,
        LinkReport::Refused {
            refusal: Refusal::HostKey,
            ..
        }
    );
    ensure!(by_key && bench.links(is_up) == 0, "{refused:?}");
    Ok(())
}

pub async fn lets_no_changed_key_in(bench: &mut Bench) -> Result<()> {
    bench.meet(Meeting::Changed)?;
    let node = bench.node();
    bench.look(Look::Connect { node });
    // What this run may do about it is the engine's to say.
    bench.link("the change", is_changed).await?;
    ensure!(
        bench.links(is_unknown) + bench.links(is_up) == 0,
        "{:?}",
        bench.seen
    );
    Ok(())
}

pub async fn says_what_was_offered(bench: &mut Bench) -> Result<()> {
    bench.meet(Meeting::ForeignLogin)?;
    let node = bench.node();
    bench.look(Look::Connect { node });
    let said = bench.link("a refusal", is_any).await?;
    let LinkReport::Refused { refusal, why } = &said else {
        bail!("{said:?}");
    };
    ensure!(*refusal == Refusal::Login, "{said:?}");
    ensure!(
        why.contains("foreign") && why.contains(bench.user()),
        "{why}"
    );
    Ok(())
}

fn boot(report: LinkReport) -> Result<String> {
    match report {
        LinkReport::Up { incarnation, .. } => Ok(incarnation),
        other => bail!("{other:?}"),
    }
}

pub async fn comes_back(bench: &mut Bench) -> Result<()> {
    let before = boot(bench.connect().await?)?;
    bench.cut()?;
    let down = bench.link("the loss", is_down).await?;
    let told = matches!(&down, LinkReport::Down { why } if !why.is_empty());
    ensure!(told, "{down:?}");
    let after = boot(bench.link("the link's return", is_up).await?)?;
    ensure!(before == after, "{after}, and {before} before");
    Ok(())
}

pub async fn notices_silence(bench: &mut Bench) -> Result<()> {
    bench.meet(Meeting::Impatient)?;
    bench.connect().await?;
    bench.silent(true)?;
    bench.link("the loss", is_down).await?;
    bench.silent(false)?;
    bench.link("the link's return", is_up).await?;
    Ok(())
}

pub async fn sees_another_boot(bench: &mut Bench) -> Result<()> {
    let before = boot(bench.connect().await?)?;
    let order = bench.waiting_order("wait", 0);
    bench.start(&order);
    // A script that had not begun would be told as not started.
    bench.line(&order, "begun").await?;
    bench.boot()?;
    let vanished = |report: &JobReport| matches!(report, JobReport::Vanished { .. });
    bench.job(&order, "word of the lost job", vanished).await?;
    let node = bench.node();
    bench.look(Look::Reconnect { node });
    let after = boot(bench.link("the link, told again", is_up).await?)?;
    ensure!(before != after, "{before} before and after");
    Ok(())
}
