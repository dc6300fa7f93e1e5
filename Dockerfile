# The mock as an image; docs/deployment.md shows how to run it.
FROM python:3.12-slim AS build
WORKDIR /kit
COPY requirements/base.txt requirements/image.txt requirements/
# base.txt has what builds the wheel, and image.txt what the mock needs, with the extra `redis`.
RUN pip install --no-cache-dir --require-hashes -r requirements/base.txt \
    && python -m venv --without-pip /opt/kit \
    && pip --python /opt/kit/bin/python install --no-cache-dir --require-hashes -r requirements/image.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/kit/bin/python install --no-cache-dir --no-deps dist/*.whl

FROM python:3.12-slim
ARG VERSION=unknown
LABEL org.opencontainers.image.title="together-rerank-mock" \
      org.opencontainers.image.description="A mock of Together AI's POST /v1/rerank and other rerank APIs" \
      org.opencontainers.image.source="https://github.com/together-rerank-kit/together-rerank-kit" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /opt/kit /opt/kit
# pip has written the byte code of all modules.
ENV PATH=/opt/kit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TOGETHER_RERANK_MOCK_HOST=0.0.0.0
USER 65532:65532
EXPOSE 4010
# Replace this check for a mock with another port or with HTTPS.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["together-rerank-mock", "wait", "http://127.0.0.1:4010", "--timeout", "2"]
ENTRYPOINT ["together-rerank-mock"]
CMD ["serve"]
