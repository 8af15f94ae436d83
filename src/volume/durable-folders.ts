interface Node {
  readonly below: Map<string, Node>
  isDurable: boolean
}

const NODE_LIMIT = 200_000 // about 20 MB; forgetting all of them costs a few more fsyncs, nothing else

/** Which folders' own entries this process knows to be durable, so that a commit need not sync up to the root each time. */
export class DurableFolders {
  #root: Node = newNode()
  #count = 0
  /** Grows when something is forgotten: what was synced before may be another folder's entry by now. */
  forgotten = 0

  has(path: string): boolean {
    return path === '' || this.#find(path)?.isDurable === true
  }

  add(path: string): void {
    if (this.#count > NODE_LIMIT) this.clear()
    let node = this.#root
    for (const part of path.split('/')) {
      const next = node.below.get(part) ?? this.#grow(node, part)
      node = next
    }
    node.isDurable = true
  }

  /** Forgets a folder and everything below it: it was moved away or removed, and may come back as another. */
  forget(path: string): void {
    this.forgotten++
    const at = path.lastIndexOf('/')
    const parent = at < 0 ? this.#root : this.#find(path.slice(0, at))
    parent?.below.delete(path.slice(at + 1))
  }

  clear(): void {
    this.forgotten++
    this.#root = newNode()
    this.#count = 0
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const part of path.split('/')) node = node?.below.get(part)
    return node
  }

  #grow(node: Node, part: string): Node {
    const next = newNode()
    node.below.set(part, next)
    this.#count++
    return next
  }
}

const newNode = (): Node => ({ below: new Map(), isDurable: false })
