/** Turns by key: who asks first goes first, and a key that nobody wants leaves nothing behind. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `work` when everybody who asked for `key` before has finished; passes its result or its error on. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const turn = Promise.withResolvers<void>()
    this.#tails.set(key, turn.promise)
    await before
    try {
      return await work()
    } finally {
      if (this.#tails.get(key) === turn.promise) this.#tails.delete(key)
      turn.resolve()
    }
  }

  /** Keys that somebody holds or waits for. */
  get size(): number {
    return this.#tails.size
  }
}
