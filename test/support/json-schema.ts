import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** JSON Schema as OpenAPI 3.1 and AsyncAPI have it, with their own words allowed around it. */
export class Schemas {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });

  /** @param document whose schemas refer to one another by `#/…` */
  constructor(document: object) {
    this.ajv.addSchema({ $id: 'document', ...document });
  }

  /** What is wrong with a value; empty where nothing is. @param pointer to the schema in the document: `#/components/schemas/Error` */
  faults(pointer: string, value: unknown): string[] {
    const validate = this.ajv.getSchema(`document${pointer}`) as ValidateFunction | undefined;
    if (!validate) throw new Error(`no schema at ${pointer}`);
    if (validate(value)) return [];
    return validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
  }
}

/** A JSON pointer (RFC 6901) to a place in a document. */
export function pointer(...names: readonly (string | number)[]): string {
  const parts = names.map((name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1'));
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}
