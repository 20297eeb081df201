import type { FromWorker, ToWorker } from '../protocol'
import { EngineHost } from './host'

const host = new EngineHost((message: FromWorker) => self.postMessage(message))
self.onmessage = (event: MessageEvent<ToWorker>) => host.receive(event.data)
