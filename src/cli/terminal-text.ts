/** A text for a terminal, whoever wrote it: control characters but line feeds and tabs as `\x1b`, since they would command it. */
export function escapeControls(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
