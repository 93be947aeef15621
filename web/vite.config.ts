import { defineConfig } from "vite";

/** The running site that `npm run dev` shows; the page itself always asks where it came from. */
const site = "http://127.0.0.1:8080";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "dist",
    // Small pictures inside the files would need `data:` in the policy for all of them.
    assetsInlineLimit: 0,
    // Nothing is injected: the policy forbids inline scripts, and browsers that know modules preload by themselves.
    modulePreload: false,
    target: "es2022",
  },
  server: { proxy: { "/api": site, "/metrics": site } },
});
