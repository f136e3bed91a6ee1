# The static program and the scenarios, on nothing: `docker build --tag loadtest .`
#
#   docker run --rm --network host --user "$(id -u)" --volume "$PWD/reports:/work/reports" loadtest run scenarios/peak.toml
#
# The image holds no shell, no PostgreSQL (a scenario with `database = "postgres"` needs the address of yours) and runs as
# a user without rights. docs/ci.md says more.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends musl-tools \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN scripts/static-build && mkdir --mode=1777 /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# The databases of the reference server are temporary files.
COPY --from=build --chmod=1777 /empty /tmp
COPY --from=build /source/target/static/loadtest /loadtest
USER 65532:65532
WORKDIR /work
COPY scenarios scenarios
ENTRYPOINT ["/loadtest"]
CMD ["help"]
