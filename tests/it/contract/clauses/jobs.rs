//! Jobs: started once, followed over links, ended as the node's own record says.

use anyhow::{Result, bail, ensure};
use holdpoint::model::dialogue::{Answer, Dialogue, Prompt, Reply};
use holdpoint::model::reply::{Claim, JobReport};
use holdpoint::transport::{Change, Order};

use crate::contract::bench::{Bench, is_up};
use crate::contract::far::Meeting;

const DONE: Claim = Claim::Exited { code: 0 };

fn is_accepted(report: &JobReport) -> bool {
    *report == JobReport::Accepted
}

fn is_not_started(report: &JobReport) -> bool {
    matches!(report, JobReport::NotStarted { .. })
}

fn is_out_of_sight(report: &JobReport) -> bool {
    matches!(report, JobReport::OutOfSight { .. })
}

async fn ends_with(bench: &mut Bench, order: &Order, wanted: Claim) -> Result<()> {
    let claim = bench.end(order).await?;
    ensure!(claim == wanted, "it {claim}, and not: it {wanted}");
    Ok(())
}

pub async fn starts_once(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let order = bench.order("once", "echo working", &["working"]);
    for _ in 0..3 {
        bench.start(&order);
    }
    ends_with(bench, &order, DONE).await?;
    bench.start(&order);
    ends_with(bench, &order, DONE).await?;
    let runs = bench.runs("once", &order);
    ensure!(runs == 1, "it ran {runs} times");
    let lines = bench.lines(&order);
    ensure!(lines == ["working"], "{lines:?}");
    Ok(())
}

pub async fn loses_no_line(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let lines: Vec<String> = (0..30).map(|n| format!("line {n}")).collect();
    let prints: Vec<&str> = lines.iter().map(String::as_str).collect();
    let script = "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.05; done";
    let order = bench.order("count", script, &prints);
    bench.start(&order);
    bench.line(&order, "line 3").await?;
    bench.cut()?;
    bench.link("the link's return", is_up).await?;
    // As the engine does it, on top of the following that goes on by itself.
    bench.attach(&order);
    ends_with(bench, &order, DONE).await?;
    let told = bench.lines(&order);
    ensure!(told == lines, "{told:?}");
    let runs = bench.runs("count", &order);
    ensure!(runs == 1, "it ran {runs} times");
    Ok(())
}

pub async fn tells_the_code(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    bench.will_exit(7)?;
    let order = bench.order("seven", "exit 7", &[]);
    bench.start(&order);
    ends_with(bench, &order, Claim::Exited { code: 7 }).await?;
    bench.attach(&order);
    ends_with(bench, &order, Claim::Exited { code: 7 }).await
}

pub async fn tells_the_signal(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let order = bench.order("killed", "kill -TERM $$", &[]);
    bench.start(&order);
    ends_with(bench, &order, Claim::Killed { signal: 15 }).await
}

pub async fn cancels(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let order = bench.waiting_order("wait", 0);
    bench.start(&order);
    bench.line(&order, "begun").await?;
    bench.change(Change::Cancel {
        order: order.clone(),
    });
    ends_with(bench, &order, Claim::Cancelled).await?;
    let lines = bench.lines(&order);
    ensure!(lines == ["begun"], "{lines:?}");
    Ok(())
}

async fn denied(bench: &mut Bench, name: &str) -> Result<Order> {
    let order = bench.order(name, "echo working", &["working"]);
    bench.start(&order);
    bench
        .job(&order, "that nobody can be asked", is_out_of_sight)
        .await?;
    bench.connect().await?;
    bench.job(&order, "the node's no", is_not_started).await?;
    Ok(order)
}

pub async fn denies_what_was_never_sent(bench: &mut Bench) -> Result<()> {
    let order = denied(bench, "unsent").await?;
    let runs = bench.runs("unsent", &order);
    ensure!(runs == 0, "it ran {runs} times");
    Ok(())
}

pub async fn denies_for_good(bench: &mut Bench) -> Result<()> {
    let order = denied(bench, "denied").await?;
    bench.start(&order);
    let report = bench.job(&order, "a word on the job", |_| true).await?;
    ensure!(is_not_started(&report), "{report:?}");
    let runs = bench.runs("denied", &order);
    ensure!(runs == 0, "it ran {runs} times");
    Ok(())
}

pub async fn forgets_what_was_acknowledged(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let order = bench.order("known", "echo working", &["working"]);
    bench.start(&order);
    ends_with(bench, &order, DONE).await?;
    bench.change(Change::Acknowledge {
        order: order.clone(),
    });
    bench.start(&order);
    ends_with(bench, &order, DONE).await?;
    let (runs, lines) = (bench.runs("known", &order), bench.lines(&order));
    ensure!(
        runs == 1 && lines == ["working"],
        "it ran {runs} times: {lines:?}"
    );
    Ok(())
}

pub async fn is_found_again(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let order = bench.waiting_order("wait", 7);
    bench.start(&order);
    bench.line(&order, "begun").await?;
    bench.meet(Meeting::Known)?;
    bench.seen.clear();
    bench.connect().await?;
    bench.attach(&order);
    bench.job(&order, "that it runs", is_accepted).await?;
    bench.release("wait")?;
    ends_with(bench, &order, Claim::Exited { code: 7 }).await?;
    let (runs, lines) = (bench.runs("wait", &order), bench.lines(&order));
    ensure!(
        runs == 1 && lines == ["begun", "done"],
        "it ran {runs} times: {lines:?}"
    );
    Ok(())
}

const ASKS: &str = r#"printf 'Go on? '; read -r a
printf 'Into: '; read -r b
echo; echo "got $a, $b""#;

fn prompt(id: &str, pattern: &str, says: &str) -> Prompt {
    Prompt {
        id: id.into(),
        pattern: pattern.into(),
        reply: Reply::Operator(String::new()),
        times: 1,
        says: Some(says.into()),
    }
}

async fn asked(bench: &mut Bench, order: &Order) -> Result<(String, u64)> {
    let asks = |report: &JobReport| matches!(report, JobReport::Asks { .. });
    match bench.job(order, "a question", asks).await? {
        JobReport::Asks {
            prompt: Some(id),
            at,
            ..
        } => Ok((id, at)),
        other => bail!("{other:?}"),
    }
}

fn give(bench: &mut Bench, order: &Order, at: u64, text: &str) {
    bench.change(Change::Answer {
        order: order.clone(),
        at,
        answer: Answer::Text(text.into()),
    });
}

pub async fn asks_and_is_answered(bench: &mut Bench) -> Result<()> {
    bench.connect().await?;
    let mut order = bench.order("asks", ASKS, &["got y, /srv"]);
    order.dialogue = Some(Box::new(Dialogue {
        prompts: vec![
            prompt("go", r"Go on\?", "Go on? "),
            prompt("folder", "Into:", "Into: "),
        ],
        terminal: false,
        silence: None,
    }));
    bench.start(&order);
    let (first, at) = asked(bench, &order).await?;
    for _ in 0..3 {
        give(bench, &order, at, "y");
    }
    let (second, at) = asked(bench, &order).await?;
    ensure!(
        (first.as_str(), second.as_str()) == ("go", "folder"),
        "{first}, {second}"
    );
    give(bench, &order, at, "/srv");
    ends_with(bench, &order, DONE).await?;
    let lines = bench.lines(&order);
    let last = lines.last().map(String::as_str);
    ensure!(last == Some("got y, /srv"), "{lines:?}");
    Ok(())
}
