# Wellkeeper in a container. Build:  docker build --build-arg VERSION=$(git describe --tags --always) -t wellkeeper .
# Run:  docker run -d --restart=always --read-only --cap-drop=ALL --memory=256m -p 8443:8443 \
#         -v /etc/wellkeeper:/etc/wellkeeper:ro -v wellkeeper:/var/lib/wellkeeper wellkeeper
# with web.listen: 0.0.0.0:8443. A serial port:  --device /dev/ttyUSB0 --group-add dialout
FROM golang:1.26-bookworm AS build
ARG VERSION=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X wellkeeper.internal/appliance/command.version=${VERSION}" -o /out/wellkeeper . \
 && mkdir -p /out/data

# Static and without a shell; it brings root certificates and time zones.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/wellkeeper /usr/bin/wellkeeper
# A new volume takes over the owner of the folder that it covers.
COPY --from=build --chown=65532:65532 /out/data /var/lib/wellkeeper
USER 65532:65532
ENV GOMEMLIMIT=128MiB
VOLUME /var/lib/wellkeeper
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["/usr/bin/wellkeeper", "health"]
ENTRYPOINT ["/usr/bin/wellkeeper"]
CMD ["run"]
