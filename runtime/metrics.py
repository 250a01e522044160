"""The engine's own metrics (and the activities' ones), served for Prometheus."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from runtime.settings import Settings


class MetricsPortTaken(Exception):
    """Somebody else listens where the metrics should be served."""


def runtime_with_metrics(settings: Settings) -> Runtime | None:
    """The SDK runtime that serves /metrics on BATON_METRICS_PORT; None where no port is set.

    One a process: make it once, hand it to `connect`. Raises MetricsPortTaken.
    """
    if settings.metrics_port is None:
        return None
    address = f"{settings.metrics_host}:{settings.metrics_port}"
    config = PrometheusConfig(bind_address=address, counters_total_suffix=True, durations_as_seconds=True)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=config))
    except (ValueError, RuntimeError) as fault:
        raise MetricsPortTaken(
            f"metrics cannot be served on {address}: {fault}. Choose another BATON_METRICS_PORT, or one for each worker"
        ) from fault
