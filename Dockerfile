# One image for every process: `docker run pushfleet producer`, `… worker`, `… board`, `… status 42`.

# Another Node or another registry: `docker build --build-arg NODE_IMAGE=…`.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# The manifests first: the dependencies are installed again only when one of them changes.
COPY package.json package-lock.json ./
COPY packages/shared/package.json packages/shared/
COPY packages/http2/package.json packages/http2/
COPY packages/producer/package.json packages/producer/
COPY packages/apns-simulator/package.json packages/apns-simulator/
COPY packages/local-servers/package.json packages/local-servers/
COPY apps/producer/package.json apps/producer/
COPY apps/worker/package.json apps/worker/
COPY apps/board/package.json apps/board/
COPY apps/cli/package.json apps/cli/
COPY apps/cli/bin apps/cli/bin
# No install script of a dependency is needed, so none may run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.base.json ./
COPY packages packages
COPY apps apps
# What runs is the compiled code: sources, declarations and the compiler stay behind. npm would keep the compiler,
# since a library names it as an optional peer. Of the board's cryptography (sodium-native) only this
# platform's build stays: 2 of 18 MB.
RUN npx tsc -b \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && find apps/*/dist packages/*/dist \( -name '*.d.ts' -o -name '*.map' -o -name '.tsbuildinfo' \) -delete \
  && find node_modules/sodium-native/prebuilds -mindepth 1 -maxdepth 1 ! -name "linux-$(node -p process.arch)" -exec rm -r {} + \
  && rm -rf node_modules/typescript node_modules/@typescript node_modules/.bin/tsc \
  && rm -rf apps/*/src packages/*/src tsconfig*.json apps/*/tsconfig.json packages/*/tsconfig.json

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Pushfleet" \
  org.opencontainers.image.description="The push server that iOS backends run: from a MySQL row to an iPhone" \
  org.opencontainers.image.licenses="MIT"
WORKDIR /app
# What changes least comes first: a new version of ours is a small layer.
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/packages packages
COPY --from=build /app/apps apps
RUN ln -s /app/apps/cli/bin/pushfleet.js /usr/local/bin/pushfleet
# Health and metrics of producer and worker; the board answers on its own port.
ENV NODE_ENV=production PUSHFLEET_HTTP_PORT=9464
# The user "node" of the base image, by number: nothing in /app belongs to it, and nothing has to be written. Any
# other number does as well.
USER 1000:1000
EXPOSE 9464 3100
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PUSHFLEET_HTTP_PORT}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1, so SIGTERM reaches it and it drains.
ENTRYPOINT ["node", "/app/apps/cli/bin/pushfleet.js"]
CMD ["--help"]
