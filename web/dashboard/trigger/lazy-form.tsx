import { lazily } from '../parts/lazily'
import type { SchemaFormProps } from './schema-form'

/** The form library is large, and no form can be shown before the engine is ready. */
export const LazyForm = lazily<SchemaFormProps>(
  'form',
  async () => (await import('./schema-form')).SchemaForm,
)
