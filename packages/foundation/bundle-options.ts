/** How each of our programs is bundled by esbuild. */
export const BUNDLE_OPTIONS = {
  bundle: true,
  minify: true,
  platform: "node",
  target: "node26",
  legalComments: "none",
} as const;
