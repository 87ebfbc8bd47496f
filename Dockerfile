# docker build -t compact-nas .
# docker build -t compact-nas --build-arg TORCH_INDEX_URL=... .   PyTorch's CPU or CUDA builds, from their index
# docker run --rm -v "$PWD:/work" compact-nas search --space shufflenet.yaml   (with a GPU: --gpus all)
FROM python:3.11-slim

# Without an index PyTorch comes from pip's own.
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /source
COPY . .
# hadolint ignore=DL3013
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
        pip install --index-url "$TORCH_INDEX_URL" torch torchvision; \
    fi \
    && pip install --constraint constraints.txt '.[pretrained]' \
    && useradd --create-home --uid 1000 nas

USER 1000
WORKDIR /work
ENTRYPOINT ["nas"]
CMD ["--help"]
