import type { INestApplication } from '@nestjs/common';
import { ApiExcludeEndpoint, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { describe } from './describe.js';
import { DocsController } from './docs.controller.js';
import './console.js';
import './pushes.js';
import './reads.js';
import './streams.js';
import { nowhere } from './responses.js';
import { SCHEMAS } from './schemas.js';
import { withSecuritySchemes } from './security.js';
import { version } from '../version.js';

// Parts of the page, and nobody's interface.
describe(DocsController, 'file', ApiExcludeEndpoint());

const DESCRIPTION = `Gets a back end's events to the right user's screens, live and after every absence, without losing one.

Apps usually subscribe over a WebSocket at \`/subscribe_to_events\`, and connectors may push over one at \`/push_events\`: \`docs/asyncapi.yaml\` describes both.
What happens on the server is shown at [/console](console).

Every error has the form of \`Error\`. Unknown paths are answered with 404, other methods with 405 and \`Allow\`. Authentication is
needed where it is configured.`;

/** The HTTP interface of `app` as an OpenAPI document: its routes as Nest knows them, with what the files beside this one say of each. */
export function openApiOf(app: INestApplication): OpenAPIObject {
  const builder = withSecuritySchemes(new DocumentBuilder())
    .setOpenAPIVersion('3.1.0')
    .setTitle('notifier')
    .setDescription(DESCRIPTION)
    .setVersion(version())
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/')
    .addTag('connectors', 'Parts of a back end that push events.')
    .addTag('clients', "Apps that subscribe to one user's events.")
    .addTag('operators', 'Who watches and balances.')
    .addTag('documents', 'What this server is.');
  const base = builder.build();
  const components = { ...base.components, schemas: SCHEMAS, responses: nowhere() };
  return SwaggerModule.createDocument(app, { ...base, components }, { autoTagControllers: false });
}
