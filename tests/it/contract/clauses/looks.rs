//! What only looks: probes, checks, read-only steps, many at once and long ones.

use anyhow::{Result, ensure};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::model::value::Value;
use holdpoint::transport::{Arrival, Look};

use crate::contract::bench::{Bench, is_up};

/// So many lines of one hundred characters: more than any server takes or gives at once.
const MANY: usize = 4_000;

async fn service(bench: &mut Bench) -> Result<()> {
    let node = bench.node();
    bench.look(Look::Probe { node });
    let told = |arrival: &Arrival| match arrival {
        Arrival::Reading { probe, reading, .. } if probe.as_str() == "state" => {
            Some(reading.clone())
        }
        _ => None,
    };
    let facts = bench.until("a reading", told).await?;
    let facts = facts.map_err(anyhow::Error::msg)?;
    let fact = |name: &str| facts.get(name).cloned().flatten();
    ensure!(fact("service") == Some(Value::text("running")), "{facts:?}");
    ensure!(fact("version") == Some(Value::text("5.4")), "{facts:?}");
    Ok(())
}

pub async fn reads_facts(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    service(bench).await
}

async fn disk(bench: &mut Bench) -> Result<()> {
    let (node, check) = (bench.node(), "disk".into());
    bench.look(Look::Check { node, check });
    let told = |arrival: &Arrival| match arrival {
        Arrival::Check { output, .. } => Some(output.clone()),
        _ => None,
    };
    let output = bench.until("the check's answer", told).await?;
    let output = output.map_err(anyhow::Error::msg)?;
    ensure!(
        output.get("tmp_free_kb") == Some(&Value::Number(61_000_000)),
        "{output:?}"
    );
    Ok(())
}

pub async fn checks(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    disk(bench).await
}

pub async fn reads(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    bench.will_exit(3)?;
    let order = bench.order("read", "echo good\necho bad >&2\nexit 3", &["good", "bad"]);
    bench.look(Look::Read {
        order: order.clone(),
    });
    let claim = bench.end(&order).await?;
    ensure!(claim == Claim::Exited { code: 3 }, "{claim:?}");
    let lines = bench.lines(&order);
    ensure!(lines == ["good", "bad"], "{lines:?}");
    ensure!(!bench.has_jobs(), "reading made a job's folder");
    Ok(())
}

pub async fn answers_meanwhile(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let job = bench.waiting_order("wait", 0);
    bench.start(&job);
    let accepted = |report: &JobReport| *report == JobReport::Accepted;
    bench.job(&job, "the job's start", accepted).await?;
    for round in 0..3 {
        disk(bench).await?;
        service(bench).await?;
        let mut read = bench.order(&format!("read{round}"), "echo good", &["good"]);
        read.typical = holdpoint::model::time::Span::seconds(1);
        bench.look(Look::Read {
            order: read.clone(),
        });
        bench.end(&read).await?;
    }
    let early = bench.seen.iter().any(|arrival| match arrival {
        Arrival::Job { action, report, .. } => {
            *action == job.action && *report != JobReport::Accepted
        }
        _ => false,
    });
    ensure!(!early, "the job ended first, or was lost sight of");
    bench.release("wait")?;
    let claim = bench.end(&job).await?;
    ensure!(claim == Claim::Exited { code: 0 }, "{claim:?}");
    let (links, connections) = (bench.links(is_up), bench.connections());
    ensure!(
        (links, connections) == (1, 1),
        "{links} links, {connections} connections"
    );
    Ok(())
}

pub async fn carries_much(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let line = |n: usize| format!("{n:0100}");
    let lines: Vec<String> = (0..MANY).map(line).collect();
    // The shell reads all of it before it can print the first line.
    let script = format!(
        "much=$(cat <<'MUCH'\n{}\nMUCH\n)\nprintf '%s\\n' \"$much\"",
        lines.join("\n")
    );
    let prints: Vec<&str> = lines.iter().map(String::as_str).collect();
    let order = bench.order("much", &script, &prints);
    bench.look(Look::Read {
        order: order.clone(),
    });
    let claim = bench.end(&order).await?;
    ensure!(claim == Claim::Exited { code: 0 }, "{claim:?}");
    let told = bench.lines(&order);
    ensure!(
        told == lines,
        "{} lines of {MANY} came as they were",
        told.len()
    );
    Ok(())
}
