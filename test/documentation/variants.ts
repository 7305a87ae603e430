/** Expands a page's command line into every variant: each choice of `a|b`, with and without `[c]`, placeholders filled in. */

const FILLED_IN: Readonly<Record<string, string>> = {
  IMAGE: "iad.ocir.io/acme/shop/web:1.4",
  FILE: "answers.json",
  ADDRESS: "https://objectstorage.example/n/tenancy/b/ocir-broker/o",
  CONFIG: "/etc/kubernetes/credential-provider-config.yaml",
};

export function variantsOf(command: string): string[] {
  const optional = / \[([^\]]+)\]/.exec(command);
  if (optional !== null) return replaced(command, optional, ["", ` ${optional[1]}`]);
  const choice = /(?<= )[a-z-]+(?:\|[a-z-]+)+(?= |$)/.exec(command);
  if (choice !== null) return replaced(command, choice, choice[0].split("|"));
  return [command.replace(/\$?\b[A-Z]+\b/g, (word) => FILLED_IN[word.replace("$", "")] ?? word)];
}

function replaced(command: string, { 0: found, index }: RegExpExecArray, by: readonly string[]): string[] {
  const [before, after] = [command.slice(0, index), command.slice(index + found.length)];
  return by.flatMap((text) => variantsOf(`${before}${text}${after}`));
}
