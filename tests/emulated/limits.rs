//! What this run does not show. The list is printed with every run, so that nobody takes silence for proof.

use crate::cloud::Cloud;
use crate::http::s3;

/// What, and where it is checked instead.
const NOT_RUN: [(&str, &str); 11] = [
    (
        "the bucket policy refuses deletes, overwrites and changes of retention of others than the functions",
        "tests/infra/policies.rs, over the template",
    ),
    ("CloudFormation sets the bucket's Object Lock", "tests/infra/policies.rs; the test sets what the template says"),
    ("IAM itself, as AWS evaluates it", "tests/emulated/guard.rs, our reading of roles and policies; tests/infra"),
    ("key policies refuse other algorithms and deletion", "tests/infra/policies.rs, over the template"),
    ("the template's Rules refuse a retention that was not accepted", "tests/infra/policies.rs, over the template"),
    ("the HTTP API throttles", "tests/infra/policies.rs, over the template"),
    ("alarms, metric filters and lifecycle transitions do something", "tests/infra/policies.rs, over the template"),
    ("TLS to AWS's endpoints with the compiled-in roots", "shared/aws/src/http.rs reads them; no endpoint is reached"),
    ("Lambda's own start-up time, memory limits and concurrency", "nowhere: measured in an account"),
    ("a download's own headers (Content-Disposition)", "tests/emulated/adapters.rs, in the link"),
    ("arm64", "nowhere: the zips of the tests are x86_64"),
];

#[test]
fn what_no_emulator_shows() {
    for (what, instead) in NOT_RUN {
        println!("not run on the emulator: {what} (checked instead: {instead})");
    }
    // The day the emulator refuses a plain delete, the first line above is no longer true: this test says so.
    let cloud = Cloud::shared();
    let path = format!("/{}/projections/{}.json", cloud.output("EvidenceBucketName"), "9".repeat(64));
    assert_eq!(s3(cloud.emulator.port, "PUT", &path, &[], b"x").status, 200);
    assert_eq!(s3(cloud.emulator.port, "DELETE", &path, &[], b"").status, 204, "the emulator enforces policies now");
}
