import type { Json } from 'durably'
import { readFile } from '../../../dashboard/trigger/read-file'

export async function loadAirports(): Promise<Record<string, Json>> {
  const response = await fetch(new URL('airports.csv', document.baseURI))
  if (!response.ok) {
    throw new Error(`airports.csv could not be loaded: the server answered ${response.status}.`)
  }
  return { file: { ...(await readFile(new File([await response.blob()], 'airports.csv'))) } }
}
