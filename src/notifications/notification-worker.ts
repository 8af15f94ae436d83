import { parentPort, workerData } from 'node:worker_threads'
import type { ToMain, ToWorker } from './notifier.ts'
import { PostOffice, type PostOfficeOptions } from './post-office.ts'

const tell = (message: ToMain): void => parentPort?.postMessage(message)

const office = new PostOffice(workerData as PostOfficeOptions, {
  onWritten: (batch, trouble) => tell({ kind: 'written', batch, ...(trouble && { trouble: describe(trouble) }) }),
  remark: (remark) => tell({ kind: 'remark', remark }),
})
parentPort?.on('message', (message: ToWorker) => void take(message))
office.start()

async function take(message: ToWorker): Promise<void> {
  if (message.kind === 'events') return office.add(message.batch, message.events)
  if (message.kind === 'close') return close()
  try {
    tell({ kind: 'answer', id: message.id, value: message.kind === 'status' ? office.status() : office.discard(message.endpoint) })
  } catch (error) {
    tell({ kind: 'answer', id: message.id, trouble: describe(error as Error) })
  }
}

async function close(): Promise<void> {
  await office.close()
  process.exit() // the thread: connections that are kept open have nothing left to do
}

function describe(error: Error & { errcode?: number }): { message: string; errcode: number | undefined } {
  return { message: error.message, errcode: error.errcode }
}
