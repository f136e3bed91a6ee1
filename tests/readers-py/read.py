"""Reads what a run of loadtest left behind with readers that others have written, and compares it with run.json.

    python read.py FOLDER

FOLDER is the run's output folder. Read are run.json, metrics.hlog (the Python port of HdrHistogram) and junit.xml
(junitparser); scrape.txt, the answer of --metrics (the OpenMetrics parser of Prometheus's client), and otlp/*.bin, the
bodies that --otlp sent, in order (OpenTelemetry's own protobuf classes), where they are there. The run must have had no
warm-up: live figures include it, and run.json does not.

Prints one line per reader. Ends with 0 when everything agrees, with 1 and a reason otherwise.
"""

import json
import math
import sys
from collections import defaultdict
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from junitparser import JUnitXml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# Ten minutes in microseconds, with three significant digits: no response of a test takes longer.
LARGEST_US = 600_000_000
DIGITS = 3
# Three significant digits on both sides.
GRAIN = 0.002


class Disagreement(Exception):
    """What is read is not what run.json says."""


def same(what, found, expected):
    if found != expected:
        raise Disagreement(f"{what}: {found} is read, and run.json has {expected}")


def close(what, found, expected):
    if not math.isclose(found, expected, rel_tol=GRAIN, abs_tol=0.01):
        raise Disagreement(f"{what}: {found} is read, and run.json has {expected}")


def quantile(what, histogram, percentile, expected_ms):
    """A quantile agrees when it is at most one rank away: readers round a rank up, down or to the nearest."""
    rank = 100 / histogram.get_total_count()
    low, high = (
        histogram.get_value_at_percentile(min(max(percentile + by, 0), 100)) / 1e3 for by in (-rank, rank)
    )
    if not low * (1 - GRAIN) <= expected_ms <= high * (1 + GRAIN):
        raise Disagreement(f"{what}: {low} to {high} is read, and run.json has {expected_ms}")


def response_times(run):
    """The summaries of the response times, by step."""
    return run["metrics"]["response_time"]["by_step"]


def read_interval_log(path, run):
    """metrics.hlog, as HdrHistogram's own tools read it."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, LARGEST_US, DIGITS))
    whole = defaultdict(lambda: HdrHistogram(1, LARGEST_US, DIGITS))
    intervals = 0
    while (histogram := reader.get_next_interval_histogram()) is not None:
        whole[histogram.get_tag()].add(histogram)
        intervals += 1
    for step, summary in response_times(run).items():
        histogram = whole[f"response_time.{step}"]
        same(f"answered requests of {step}", histogram.get_total_count(), summary["count"] - summary["failed"])
        if summary["failed"] == 0:
            for percentile, key in ((50, "p50"), (95, "p95"), (99, "p99"), (100, "max")):
                quantile(f"{key} of {step} in ms", histogram, percentile, summary[key])
    requests = sum(histogram.get_total_count() for tag, histogram in whole.items() if tag.startswith("response_time."))
    same("answered requests", requests, run["requests"]["total"] - run["requests"]["failed"])
    return f"{intervals} intervals of {len(whole)} series, {requests} answered requests"


def read_junit(path, run):
    """junit.xml, as CI systems read it: every target is a case, and what was missed has failed."""
    report = JUnitXml.fromfile(str(path))
    suites = {suite.name: suite for suite in report}
    if len(suites) != len(list(report)):
        raise Disagreement(f"two suites have one name: {sorted(suites)}")
    for suite in suites.values():
        cases = list(suite)
        kinds = [type(result).__name__ for case in cases for result in case.result]
        same(f"cases of {suite.name}", len(cases), suite.tests)
        same(f"failures of {suite.name}", kinds.count("Failure"), suite.failures)
        same(f"errors of {suite.name}", kinds.count("Error"), suite.errors)
        same(f"skipped cases of {suite.name}", kinds.count("Skipped"), suite.skipped)
        if any(not case.name or not case.classname for case in cases):
            raise Disagreement(f"a case of {suite.name} has no name or no class")
    targets = next((suite for name, suite in suites.items() if name.endswith("targets")), None)
    if targets is None:
        raise Disagreement(f"no suite of targets among {sorted(suites)}")
    missed = sum(1 for target in run["sla"] if target["status"] == "FAIL" and not target["waived"])
    same("missed targets", targets.failures, missed)
    same("targets", targets.tests, len(run["sla"]))
    return f"{len(suites)} suites, {report.tests} cases, {report.failures} failed"


def read_scrape(path, run):
    """An answer of --metrics: it is from before the end, so nothing may be more than in the end."""
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    requests = defaultdict(float)
    for sample in families["loadtest_requests"].samples:
        if sample.name.endswith("_total"):
            same("scenario of a figure", sample.labels["scenario"], run["scenario"]["name"])
            requests[sample.labels["step"]] += sample.value
    for step, number in requests.items():
        if not 0 < number <= response_times(run)[step]["count"]:
            raise Disagreement(f"{number} requests of {step} were scraped, and run.json has {response_times(run)[step]}")
    same("unit of response times", families["loadtest_response_time_seconds"].unit, "seconds")
    same("type of response times", families["loadtest_response_time_seconds"].type, "histogram")
    return f"{len(families)} families, {sum(requests.values()):.0f} requests so far"


def attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def read_export(path):
    """The body of one export: what it is of, and its metrics by name."""
    request = ExportMetricsServiceRequest()
    request.ParseFromString(path.read_bytes())
    if len(request.resource_metrics) != 1:
        raise Disagreement(f"{path.name} is of {len(request.resource_metrics)} resources")
    of = request.resource_metrics[0]
    metrics = {metric.name: metric for scope in of.scope_metrics for metric in scope.metrics}
    for metric in metrics.values():
        kind = metric.WhichOneof("data")
        if kind != "gauge":
            data = getattr(metric, kind)
            same(f"temporality of {metric.name}", data.aggregation_temporality, AGGREGATION_TEMPORALITY_CUMULATIVE)
        if kind == "sum" and not metric.sum.is_monotonic:
            raise Disagreement(f"{metric.name} is no counter")
    return attributes(of.resource.attributes), metrics


def sums(metrics, name, *keys):
    """The sums of a counter, by the values of these attributes."""
    found = defaultdict(int)
    for point in metrics[name].sum.data_points:
        labels = attributes(point.attributes)
        found[tuple(labels[key] for key in keys)] += point.as_int
    return found


def read_exports(paths, run):
    """The bodies of all exports: sums never fall, and the last ones are those of run.json."""
    before = defaultdict(int)
    for path in paths:
        resource, metrics = read_export(path)
        requests = sums(metrics, "loadtest.requests", "step", "outcome")
        for key, number in requests.items():
            if number < before[key]:
                raise Disagreement(f"{key} fell from {before[key]} to {number} in {path.name}")
        before = requests
    for key, value in (
        ("service.name", "loadtest"),
        ("service.version", run["environment"]["tool_version"]),
        ("loadtest.run_id", run["run_id"]),
        ("loadtest.scenario", run["scenario"]["name"]),
        ("loadtest.target.version", run["target"]["version"]),
    ):
        same(f"the resource's {key}", resource.get(key), value)
    timed = {attributes(p.attributes)["step"]: p for p in metrics["loadtest.response_time"].histogram.data_points}
    same("unit of response times", metrics["loadtest.response_time"].unit, "s")
    for step, summary in response_times(run).items():
        good = summary["count"] - summary["failed"]
        same(f"good requests of {step}", requests[(step, "good")], good)
        same(f"failed requests of {step}", requests[(step, "failed")], summary["failed"])
        if good == 0:
            continue
        same(f"timed requests of {step}", timed[step].count, good)
        same(f"timed requests of {step} in buckets", sum(timed[step].bucket_counts), good)
        close(f"mean response time of {step} in ms", timed[step].sum / good * 1e3, summary["mean"])
    iterations = sums(metrics, "loadtest.iterations", "outcome")
    for outcome in ("started", "dropped", "succeeded", "failed", "abandoned", "unfinished"):
        same(f"iterations {outcome}", iterations[(outcome,)], run["iterations"][outcome])
    if len(timed) == 0:
        raise Disagreement("no response was timed")
    return f"{len(paths)} exports, {sum(requests.values())} requests in the last"


def main(folder):
    run = json.loads((folder / "run.json").read_text())
    print("metrics.hlog:", read_interval_log(folder / "metrics.hlog", run))
    print("junit.xml:", read_junit(folder / "junit.xml", run))
    if (folder / "scrape.txt").is_file():
        print("scrape.txt:", read_scrape(folder / "scrape.txt", run))
    exports = sorted((folder / "otlp").glob("*.bin"))
    if exports:
        print("otlp:", read_exports(exports, run))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]))
    except Disagreement as disagreement:
        sys.exit(str(disagreement))
