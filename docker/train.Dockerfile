# graphengine with what training needs, for NVIDIA GPUs. The pinned torch brings its CUDA libraries along; the host needs
# a driver and the NVIDIA container toolkit. From the project's root:
#   docker build --file docker/train.Dockerfile --tag graphengine-train .
#   docker run --rm --gpus all --volume "$PWD:/data" graphengine-train train sft --config /opt/pipelines/sft.yaml
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/graphengine
COPY requirements/train.txt requirements/train.txt
RUN /opt/graphengine/bin/pip install --no-cache-dir --require-hashes --requirement requirements/train.txt
COPY pyproject.toml README.md LICENSE ./
COPY cypher cypher
COPY graphengine graphengine
RUN /opt/graphengine/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
# A compiler: triton builds its launchers when a kernel runs for the first time.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/graphengine /opt/graphengine
COPY pipelines /opt/pipelines
RUN useradd --uid 10001 --no-create-home --home-dir /data graphengine \
    && install --directory --owner graphengine --mode 700 /data
# Models are looked up in /data and its cache; nothing is downloaded unless HF_HUB_OFFLINE=0 says so.
ENV PATH=/opt/graphengine/bin:$PATH XDG_CONFIG_HOME=/data/config HF_HOME=/data/huggingface \
    HF_HUB_DISABLE_TELEMETRY=1
USER graphengine
WORKDIR /data
VOLUME /data
ENTRYPOINT ["graphengine"]
CMD ["train", "--help"]
