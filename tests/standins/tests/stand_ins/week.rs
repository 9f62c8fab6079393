//! The plot of the week holds whenever it ends.

use std::collections::{BTreeMap, BTreeSet};

use clyra_standins::recorded::State;
use clyra_standins::webhook::{EventType, sign};
use clyra_standins::week::{Story, Update};
use clyra_standins::world::{Run, RunStatus};
use clyra_standins::{DbtCloud, Week};
use serde_json::Value;

use crate::client::Client;
use crate::dbt_cloud::UNTIL_MS;

const HOUR_MS: i64 = 3_600_000;

fn runs(week: &Week) -> BTreeMap<u64, Run> {
    week.finished().accounts[&week.account_id].runs.clone()
}

/// The run of a part of the story.
#[track_caller]
fn run_of(week: &Week, story: Story) -> Run {
    let told = week.moments.iter().rev().filter(|moment| moment.story == Some(story));
    let mut found = told.flat_map(|moment| &moment.updates).filter_map(|update| match update {
        Update::Run(run) => Some(run.as_ref().clone()),
        Update::Job(_) | Update::Environment(_) | Update::Audit(_) | Update::WebhookEvent(_) => None,
    });
    found.next().unwrap_or_else(|| panic!("no run for {story:?}"))
}

fn artifact(run: &Run, path: &str) -> Value {
    let artifact = run.steps.iter().find_map(|step| step.artifacts.get(path)).unwrap();
    serde_json::from_slice(&artifact.read().unwrap()).unwrap()
}

#[test]
fn the_plot_is_whole_whenever_the_week_ends() {
    // Every weekday and hour, and the middle of an hour.
    for offset in (0..24 * 7).step_by(5) {
        let until = UNTIL_MS + offset * HOUR_MS + offset * 61_000;
        let week = Week::ending(until);
        let runs = runs(&week);
        assert!((60..=120).contains(&runs.len()), "{} runs", runs.len());
        assert!(week.moments.is_sorted_by_key(|moment| moment.at_ms));
        let first = week.moments.first().unwrap().at_ms;
        let last = week.moments.last().unwrap().at_ms;
        assert!(first > until - 24 * 7 * HOUR_MS && last < until);
        let told: BTreeSet<Story> = week.moments.iter().filter_map(|moment| moment.story).collect();
        assert_eq!(told.len(), 17, "{told:?}");
        let order = [
            Story::Redelivery,
            Story::RevenueLogic,
            Story::OutOfOrder,
            Story::DocsOnly,
            Story::Silent,
            Story::TestWeakened,
            Story::PackageDrift,
            Story::Override,
            Story::LeftFailing,
            Story::JobEdited,
            Story::FailingTests,
            Story::Retry,
            Story::ReadmeOnly,
            Story::DbtUpgrade,
            Story::PlainRerun,
        ];
        assert!(order.map(|story| run_of(&week, story).id).is_sorted());
        nobody_follows_up(&week, until);
    }
}

/// Tests fail a day and more before the last whole day is over, so that the period that ends with that day counts them,
/// and no later run of the job has both its commands and its version of dbt.
#[track_caller]
fn nobody_follows_up(week: &Week, until_ms: i64) {
    let failed = run_of(week, Story::LeftFailing);
    assert_eq!((failed.status, failed.environment_id), (RunStatus::Error, week.production_environment_id));
    let today_ms = until_ms - until_ms.rem_euclid(24 * HOUR_MS);
    assert!(today_ms - failed.finished_at.unwrap().as_millisecond() > 24 * HOUR_MS);
    let commands = |run: &Run| run.steps.iter().filter_map(|step| step.dbt_command.clone()).collect::<Vec<_>>();
    let runs = runs(week);
    let mut later = runs.range(failed.id + 1..).map(|(_, run)| run).filter(|run| run.job_id == failed.job_id);
    assert!(later.all(|run| commands(run) != commands(&failed)));
}

#[test]
fn a_part_of_the_story_can_be_told_at_any_instant() {
    for offset in (0..24 * 7).step_by(5) {
        let at = UNTIL_MS + offset * HOUR_MS + offset * 61_000;
        let week = Week::telling(Story::RevenueLogic, at);
        let told = week.moments.iter().rfind(|moment| moment.story == Some(Story::RevenueLogic)).unwrap();
        assert_eq!(told.at_ms, at);
        assert!(week.moments.is_sorted_by_key(|moment| moment.at_ms));
        assert!(run_of(&week, Story::PlainRerun).id > run_of(&week, Story::RevenueLogic).id);
    }
}

#[test]
fn the_same_instant_gives_the_same_week_and_others_share_no_event() {
    let events = |until| -> Vec<(String, Vec<u8>)> {
        let sent = Week::ending(until).moments.into_iter().filter_map(|moment| moment.webhook);
        sent.map(|delivery| (delivery.event_id, delivery.body)).collect()
    };
    let week = events(UNTIL_MS);
    assert_eq!(week, events(UNTIL_MS));
    let other: BTreeSet<String> = events(UNTIL_MS + 1).into_iter().map(|(id, _)| id).collect();
    assert!(week.iter().all(|(id, _)| !other.contains(id)));
}

#[test]
fn deliveries_look_like_the_senders() {
    let week = Week::ending(UNTIL_MS);
    let mut seen = BTreeMap::new();
    for moment in &week.moments {
        let Some(delivery) = &moment.webhook else { continue };
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        *seen.entry(delivery.event_type).or_insert(0) += 1;
        let sent = body["timestamp"].as_str().unwrap();
        assert_eq!(sent.len(), "2023-01-31T19:28:15.742843678Z".len());
        let sent: jiff::Timestamp = sent.parse().unwrap();
        assert!(sent.as_millisecond() <= moment.at_ms, "sent before it arrives");
        assert!(body["accountId"].is_u64() && body["data"]["runId"].is_string());
        assert_eq!(body["data"]["runId"], delivery.run_id.to_string());
        assert_eq!(body["data"].get("runFinishedAt").is_some(), delivery.event_type == EventType::Completed);
        assert_eq!(body["data"].get("runErroredAt").is_some(), delivery.event_type == EventType::Errored);
        assert_eq!(sign(&week.secret, &delivery.body).len(), 64);
    }
    assert_eq!(seen[&EventType::Errored], 2);
    assert!(seen[&EventType::Started] > 60 && seen[&EventType::Completed] > 60);
}

#[test]
fn redelivery_disorder_and_silence_are_there() {
    let week = Week::ending(UNTIL_MS);
    let sent: Vec<_> = week.moments.iter().filter_map(|moment| moment.webhook.as_ref()).collect();
    let ids: BTreeSet<&str> = sent.iter().map(|delivery| delivery.event_id.as_str()).collect();
    assert_eq!(sent.len(), ids.len() + 1, "one event comes twice");
    let position = |run: &Run, event_type| {
        sent.iter().position(|delivery| delivery.run_id == run.id && delivery.event_type == event_type)
    };
    let disorder = run_of(&week, Story::OutOfOrder);
    assert!(position(&disorder, EventType::Completed) < position(&disorder, EventType::Started));
    let silent = run_of(&week, Story::Silent);
    assert_eq!(position(&silent, EventType::Completed).or(position(&silent, EventType::Started)), None);
    let failed = run_of(&week, Story::FailingTests);
    assert!(position(&failed, EventType::Errored) < position(&failed, EventType::Completed));
    let without_news = runs(&week).keys().filter(|id| !sent.iter().any(|delivery| delivery.run_id == **id)).count();
    assert_eq!(without_news, 1);
}

#[test]
fn each_part_shows_what_it_is_about() {
    let week = Week::ending(UNTIL_MS);
    let of = |story| run_of(&week, story);
    let before = |run: &Run| {
        let all = runs(&week);
        let earlier = all.range(..run.id).rev().map(|(_, run)| run.clone());
        earlier.into_iter().find(|other| other.environment_id == week.production_environment_id).unwrap()
    };
    let macros = |run: &Run| artifact(run, "manifest.json")["macros"]["macro.revenue_helpers.round_money"].clone();
    for (story, same_commit) in [
        (Story::RevenueLogic, false),
        (Story::DocsOnly, false),
        (Story::TestWeakened, false),
        (Story::PackageDrift, true),
        (Story::ReadmeOnly, false),
        (Story::DbtUpgrade, true),
        (Story::JobEdited, true),
    ] {
        let run = of(story);
        assert_eq!(run.git_sha == before(&run).git_sha, same_commit, "{story:?}");
    }
    let drift = of(Story::PackageDrift);
    assert_ne!(macros(&drift), macros(&before(&drift)));
    let readme = of(Story::ReadmeOnly);
    assert_eq!(artifact(&readme, "manifest.json")["nodes"], artifact(&before(&readme), "manifest.json")["nodes"]);
    let overridden = of(Story::Override);
    assert_eq!(overridden.trigger.steps_override.as_ref().map(Vec::len), Some(1));
    assert_eq!(artifact(&overridden, "run_results.json")["args"]["full_refresh"], true);
    assert_eq!(of(Story::Retry).retrying_run_id, Some(of(Story::FailingTests).id));
    assert_eq!((of(Story::FailingTests).status, of(Story::Retry).status), (RunStatus::Error, RunStatus::Success));
    let results = artifact(&of(Story::FailingTests), "run_results.json");
    assert!(results["results"].as_array().unwrap().iter().any(|result| result["status"] == "fail"));
    let upgraded = of(Story::DbtUpgrade);
    assert_ne!(upgraded.dbt_version, before(&upgraded).dbt_version);
    assert_eq!(artifact(&upgraded, "manifest.json")["metadata"]["dbt_version"], upgraded.dbt_version.as_str());
    let check = of(Story::PullRequestCheck);
    assert_eq!(check.environment_id, week.staging_environment_id);
    assert!(check.trigger.schema_override.is_some());
    assert!(of(Story::PlainRerun).trigger.steps_override.is_none() && of(Story::PlainRerun).actor.is_some());
}

#[test]
fn served_artifacts_lie_inside_their_step() {
    let week = Week::ending(UNTIL_MS);
    for story in [Story::RevenueLogic, Story::FailingTests, Story::Override] {
        let run = run_of(&week, story);
        let step = run.steps.iter().find(|step| step.artifacts.contains_key("run_results.json")).unwrap();
        let results: Value = serde_json::from_slice(&step.artifacts["run_results.json"].read().unwrap()).unwrap();
        let mut times = vec![results["metadata"]["generated_at"].as_str().unwrap().to_owned()];
        for result in results["results"].as_array().unwrap() {
            for timing in result["timing"].as_array().unwrap() {
                times.push(timing["started_at"].as_str().unwrap().to_owned());
                times.push(timing["completed_at"].as_str().unwrap().to_owned());
            }
        }
        for time in times {
            let at: jiff::Timestamp = time.parse().unwrap();
            assert!(at >= step.started_at && Some(at) <= step.finished_at, "{time} of {story:?}");
        }
        let manifest: Value = serde_json::from_slice(&step.artifacts["manifest.json"].read().unwrap()).unwrap();
        assert_eq!(manifest["metadata"]["invocation_id"], results["metadata"]["invocation_id"]);
    }
}

#[test]
fn every_recorded_state_reads_as_json() {
    for state in State::ALL {
        let recorded = state.artifacts();
        for (file, artifact) in [
            ("manifest", &recorded.manifest),
            ("run_results", &recorded.run_results),
            ("run_results.docs", &recorded.run_results_docs),
            ("sources", &recorded.sources),
            ("catalog", &recorded.catalog),
        ] {
            clyra_standins::artifact::generated_at(artifact)
                .unwrap_or_else(|error| panic!("{} {file}: {error}", state.name()));
        }
    }
}

#[tokio::test]
async fn played_moment_by_moment_the_api_ends_like_the_finished_world() {
    let week = Week::ending(UNTIL_MS);
    let cloud = DbtCloud::start(&week.token, week.start.clone()).await.unwrap();
    let client = Client::new(cloud.url(), "authorization", format!("Token {}", week.token));
    let failed = run_of(&week, Story::FailingTests);
    let path = format!("/api/v2/accounts/{}/runs/{}/artifacts/manifest.json", week.account_id, failed.id);
    let mut answers = Vec::new();
    for moment in &week.moments {
        moment.apply(week.account_id, &cloud);
        if moment.story == Some(Story::FailingTests) {
            let event = moment.webhook.as_ref().map(|delivery| delivery.event_type);
            answers.push((event, client.get(&path).await.status));
        }
    }
    let expected =
        [(Some(EventType::Started), 404), (Some(EventType::Errored), 404), (Some(EventType::Completed), 200)];
    assert_eq!(answers, expected, "artifacts come after errored and before completed");
    let (played, finished) = (cloud.snapshot(), week.finished());
    assert_eq!(format!("{played:?}").len(), format!("{finished:?}").len());
}
