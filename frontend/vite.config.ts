import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The pages' policy refuses style attributes; the same words through the style object are allowed.
const lawfulStyles: Plugin = {
  name: "lawful-styles",
  transform(code, id) {
    if (!/\/drawTextBox\.js$/.test(id)) return null;
    const written = "textElement.setAttribute('style', combinedStyle)";
    if (!code.includes(written)) throw new Error("drawTextBox.js writes its style in another way now.");
    return { code: code.replace(written, "textElement.style.cssText = combinedStyle"), map: null };
  },
};

const vendor = "./vendor.js";

// Two builds: `--mode vendor` makes vendor.js of the library, the other one all that is ours. Names carry no digest:
// Django serves the files, and the repository keeps one version of each.
export default defineConfig(({ mode }) => ({
  base: "./",
  publicDir: false,
  plugins: [lawfulStyles],
  define: { "process.env.NODE_ENV": '"production"' },
  resolve: {
    alias: [
      // 3 MB for statistics of segmentations, which the server computes.
      { find: /^.*\/registerComputeWorker\.js$/, replacement: here("src/engine/no_compute_worker.ts") },
    ],
  },
  build: {
    outDir: here("../reading/static/reading/viewer"),
    emptyOutDir: mode === "vendor",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      input: mode === "vendor" ? { vendor: here("src/engine/library.ts") } : { viewer: here("src/main.ts") },
      preserveEntrySignatures: "strict",
      external: mode === "vendor" ? [] : [/\/library\.ts$/],
      output: { entryFileNames: "[name].js", paths: (id: string) => (/library\.ts$/.test(id) ? vendor : id) },
    },
  },
  worker: {
    format: "es",
    rolldownOptions: { output: { entryFileNames: "decode.js", assetFileNames: "[name][extname]" } },
  },
}));
