# One image for every role of docker-compose.yml and of deploy/: Ray's head, its workers, the driver, the dashboard.
FROM python:3.11.13-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    RAY_USAGE_STATS_ENABLED=0

# KubeRay asks with wget whether a node is well.
RUN apt-get update && apt-get install --yes --no-install-recommends wget && rm -rf /var/lib/apt/lists/*

WORKDIR /app

# The libraries first: they change seldom, and a layer without the code stays cached when only the code changes.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir clnp clnp_core workers db orchestrator \
    && pip install -c constraints.txt '.[dashboard,export,s3]' \
    && pip uninstall --yes clnp

COPY clnp clnp
COPY clnp_core clnp_core
COPY workers workers
COPY db db
COPY orchestrator orchestrator
COPY clnp clnp
RUN pip install --no-deps -c constraints.txt .
COPY experiments experiments
COPY deploy/drive.sh /usr/local/bin/clnp-drive

# A named volume takes the owner of the folder that it covers.
RUN useradd --create-home clnp && mkdir /artifacts /mirror && chown clnp:clnp /artifacts /mirror
USER clnp
# Not /app: the installed packages are what runs, on the driver as on the workers.
WORKDIR /home/clnp
RUN ln -s /app/experiments experiments

ENTRYPOINT ["clnp"]
CMD ["--help"]
