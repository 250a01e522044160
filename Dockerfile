# One image for `baton api`, `baton worker` and `baton migrate`.
FROM python:3.11-slim-bookworm AS built
WORKDIR /src
RUN python -m venv /opt/baton
COPY deploy/requirements.lock deploy/requirements.lock
RUN /opt/baton/bin/pip install --no-cache-dir --quiet --require-hashes -r deploy/requirements.lock
COPY . .
RUN /opt/baton/bin/pip install --no-cache-dir --quiet --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/baton --uid 10001 baton
COPY --from=built /opt/baton /opt/baton
ENV PATH=/opt/baton/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BATON_VAR_DIR=/var/lib/baton
USER baton
WORKDIR /var/lib/baton
# SIGTERM lets a worker finish what is under way; give it longer than BATON_SHUTDOWN_SECONDS.
STOPSIGNAL SIGTERM
ENTRYPOINT ["baton"]
CMD ["--help"]
