#!/usr/bin/env bash
# Starts a run with parameters and follows it to its end, with curl alone; examples/run_now.py does the same in Python.
#   run_now.sh JOB [RUN_CONFIG [DAY]]
#   run_now.sh refine '{"ops": {"silver__customers": {"config": {"threshold": 0.95}}}}'
#   run_now.sh daily_gold_and_publish '{}' 2025-01-10
# Exit code 0: the run succeeded; 1: it failed or was canceled; 2: it was not started;
# 3: contact was lost; the run may continue.
set -euo pipefail
url=${DAGSTER_URL:-http://127.0.0.1:3000}
url=${url%/}
job=$1
config=${2:-'{}'}
day=${3:-}

ask() { # the query, then its variables as JSON
  curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' "$url/graphql" \
    --data-binary "{\"query\": \"${1//$'\n'/ }\", \"variables\": $2}"
}

field() { # the first text of that name in an answer
  sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

location=$(ask '{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }' '{}' | field name) || exit 2
tags="{\"key\": \"user\", \"value\": \"$(id -un)\"}"
if [ -n "$day" ]; then
  for edge in start end; do
    tags="$tags, {\"key\": \"dagster/asset_partition_range_$edge\", \"value\": \"$day\"}"
  done
fi
started=$(ask 'mutation ($execution: ExecutionParams!) { launchRun(executionParams: $execution) {
  __typename ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } } ... on Error { message } } }' "{\"execution\": {
  \"selector\": {\"repositoryLocationName\": \"$location\", \"repositoryName\": \"__repository__\", \"jobName\": \"$job\"},
  \"runConfigData\": $config, \"executionMetadata\": {\"tags\": [$tags]}}}") || exit 2
run=$(field runId <<<"$started")
if [ -z "$run" ]; then
  echo "not started: $started" >&2
  exit 2
fi
echo "$url/runs/$run"

while true; do
  status=$(ask 'query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }' "{\"run\": \"$run\"}" | field status) || exit 3
  case $status in
    SUCCESS) echo "$status" && exit 0 ;;
    FAILURE | CANCELED) echo "$status" && exit 1 ;;
    "") echo "lost contact with the run: $url tells no status of it" >&2 && exit 3 ;;
  esac
  sleep 1
done
