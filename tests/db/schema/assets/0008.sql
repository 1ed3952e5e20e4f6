BEGIN TRANSACTION;
CREATE TABLE clnp_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT clnp_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "clnp_alembic_version" VALUES('0008');
CREATE TABLE clnp_artifacts (
	digest TEXT NOT NULL, 
	artifact_bytes BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	removed_at DATETIME, 
	CONSTRAINT pk_clnp_artifacts PRIMARY KEY (digest)
);
INSERT INTO "clnp_artifacts" VALUES('9ccf607c13d395058c7cbbba903af90e879b8171fa8e5f6f74194098f0e880bd',1812,'2026-11-26 21:17:09.985567',NULL);
INSERT INTO "clnp_artifacts" VALUES('eba136c02a351975d7d6328e6773556916899ddfbb96480453a5f1613010fecb',1812,'2026-11-26 21:17:10.042296',NULL);
INSERT INTO "clnp_artifacts" VALUES('a5ebb91e148924fb51be19f95738f9a11b6168183fe1cd7ad5c0e8893ea348ae',1812,'2026-11-26 21:17:10.137213',NULL);
INSERT INTO "clnp_artifacts" VALUES('c419249865d589369786c61458b9e53bdf3b95e12ac491a46b9b9c3fe11d75e5',1812,'2026-11-26 21:17:10.772150',NULL);
INSERT INTO "clnp_artifacts" VALUES('cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2',1572,'2026-11-26 21:17:15.641266',NULL);
INSERT INTO "clnp_artifacts" VALUES('c13674b3b48d8a5c5482f06686615dfe3956cf57a9818ac94a0ec287d891379b',1876,'2026-11-26 21:17:30.200792',NULL);
INSERT INTO "clnp_artifacts" VALUES('fd77bc9ebb087bc0147c1464504221b5fa76827303e30e6c5ac8277093b39f46',1876,'2026-11-26 21:17:30.316803',NULL);
INSERT INTO "clnp_artifacts" VALUES('7dbffc7857c10fa368e5a0e76cb8400dc8dd7e13d0590ee80b262e33636a8abb',1876,'2026-11-26 21:17:30.434653',NULL);
INSERT INTO "clnp_artifacts" VALUES('05d1837c13953836e2a3eba2471a101426c9639406c411f62ec436786dc82296',1876,'2026-11-26 21:17:31.460002',NULL);
INSERT INTO "clnp_artifacts" VALUES('c37bd67645a1a908dbb91052f79dd76e42481d123b5a8fe8d99264492ee75c20',1636,'2026-11-26 21:17:36.997709',NULL);
CREATE TABLE clnp_capacity (
	commit_id INTEGER NOT NULL, 
	layer BIGINT NOT NULL, 
	total_neurons BIGINT NOT NULL, 
	used_neurons BIGINT NOT NULL, 
	new_neurons BIGINT NOT NULL, 
	reused_neurons BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	CONSTRAINT pk_clnp_capacity PRIMARY KEY (commit_id, layer), 
	CONSTRAINT fk_clnp_capacity_commit_id FOREIGN KEY(commit_id) REFERENCES clnp_commits (id) ON DELETE CASCADE
);
INSERT INTO "clnp_capacity" VALUES(1,1,8,0,0,0,8);
INSERT INTO "clnp_capacity" VALUES(1,2,6,0,0,0,6);
INSERT INTO "clnp_capacity" VALUES(2,1,8,0,0,0,8);
INSERT INTO "clnp_capacity" VALUES(2,2,6,0,0,0,6);
INSERT INTO "clnp_capacity" VALUES(3,1,8,0,0,0,8);
INSERT INTO "clnp_capacity" VALUES(3,2,6,0,0,0,6);
CREATE TABLE clnp_commits (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	parent_digest TEXT, 
	verification JSON NOT NULL, 
	commit_seconds FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, val_correct BIGINT, val_total BIGINT, fine_tuning JSON, search JSON, 
	CONSTRAINT pk_clnp_commits PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_commits_digest FOREIGN KEY(digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_commits_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_commits_stage_id UNIQUE (stage_id)
);
INSERT INTO "clnp_commits" VALUES(1,1,'cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',7.78160999834653921425e-03,'2026-11-26 21:17:15.641266',46,100,NULL,NULL);
INSERT INTO "clnp_commits" VALUES(2,2,'c37bd67645a1a908dbb91052f79dd76e42481d123b5a8fe8d99264492ee75c20','cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2','{"task": 2, "tasks_compared": [1], "samples_compared": 100, "widened": false}',3.09467509996466105803e-02,'2026-11-26 21:17:36.997709',31,100,NULL,NULL);
INSERT INTO "clnp_commits" VALUES(3,3,'cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',2.44275470013235462829e-02,'2026-11-26 21:18:11.879852',46,100,NULL,NULL);
CREATE TABLE clnp_database (
	id BIGINT NOT NULL, 
	database_id TEXT NOT NULL, 
	CONSTRAINT pk_clnp_database PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_database_id CHECK (id = 1)
);
INSERT INTO "clnp_database" VALUES(1,'c122ae373c234de4b6994479ea116b73');
CREATE TABLE clnp_epochs (
	trial_id INTEGER NOT NULL, 
	attempt BIGINT NOT NULL, 
	epoch BIGINT NOT NULL, 
	train_loss FLOAT, 
	l1_penalty FLOAT, 
	val_correct BIGINT NOT NULL, 
	val_total BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	CONSTRAINT pk_clnp_epochs PRIMARY KEY (trial_id, attempt, epoch), 
	CONSTRAINT fk_clnp_epochs_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE
);
INSERT INTO "clnp_epochs" VALUES(1,1,1,1.08080350875854502845e+00,2.15183329652973058879e-03,48,100,1.99475249992246972396e-02);
INSERT INTO "clnp_epochs" VALUES(1,1,2,1.05974029541015624111e+00,2.06559981887694454547e-03,46,100,7.9233889991883188486e-03);
INSERT INTO "clnp_epochs" VALUES(3,1,1,1.09650184631347658026e+00,2.0230056880507617939e-02,50,100,5.85833000150159932672e-03);
INSERT INTO "clnp_epochs" VALUES(3,1,2,1.08568611145019522368e+00,1.90099673101212819636e-02,47,100,8.70131200099422130733e-03);
INSERT INTO "clnp_epochs" VALUES(4,1,1,1.05068563461303710049e+00,2.19650198234012349052e-02,52,100,5.79274199844803661108e-03);
INSERT INTO "clnp_epochs" VALUES(4,1,2,8.94985923767089852631e-01,2.68736336815636606134e-02,57,100,1.9278263000160222873e-02);
INSERT INTO "clnp_epochs" VALUES(2,1,1,1.08162391662597645591e+00,2.20778175815939921647e-03,46,100,2.50192180010344600304e-02);
INSERT INTO "clnp_epochs" VALUES(2,1,2,9.72015838623046857236e-01,2.90331528438255185783e-03,46,100,1.16381930001807631924e-02);
INSERT INTO "clnp_epochs" VALUES(6,1,1,1.10003820419311515443e+00,2.19729850506410022414e-03,31,100,1.38508320014807395637e-02);
INSERT INTO "clnp_epochs" VALUES(6,1,2,1.02418752670288082384e+00,2.81102938479743918315e-03,31,100,2.23860080004669725894e-02);
INSERT INTO "clnp_epochs" VALUES(7,1,1,1.10196018218994140625e+00,2.02207917663035918742e-02,42,100,2.14832489982654806226e-02);
INSERT INTO "clnp_epochs" VALUES(7,1,2,1.08834449768066399144e+00,1.81710317677352579945e-02,40,100,2.01924269986193394288e-02);
INSERT INTO "clnp_epochs" VALUES(8,1,1,1.10411983489990239704e+00,1.35069919092347841271e-02,42,100,2.95068369996442925184e-02);
INSERT INTO "clnp_epochs" VALUES(8,1,2,1.0605780029296874023e+00,1.46950915642082690498e-02,31,100,2.93181479992199456319e-02);
INSERT INTO "clnp_epochs" VALUES(5,1,1,1.07850227355957040131e+00,2.15914772581309076862e-03,31,100,8.92148799903225153684e-03);
INSERT INTO "clnp_epochs" VALUES(5,1,2,1.06084020614624030542e+00,2.06401456140447399009e-03,31,100,6.08138999996299389749e-03);
INSERT INTO "clnp_epochs" VALUES(9,1,1,1.08080350875854502845e+00,2.15183329652973058879e-03,48,100,7.52262499918288085609e-03);
INSERT INTO "clnp_epochs" VALUES(9,1,2,1.05974029541015624111e+00,2.06559981887694454547e-03,46,100,1.10334669989242684096e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,1,1.08162391662597645591e+00,2.20778175815939921647e-03,46,100,1.84603609995974693447e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,2,9.72015838623046857236e-01,2.90331528438255185783e-03,46,100,1.40056909986014943569e-02);
INSERT INTO "clnp_epochs" VALUES(11,1,1,1.09650184631347658026e+00,2.0230056880507617939e-02,50,100,1.67545839995000278577e-02);
INSERT INTO "clnp_epochs" VALUES(11,1,2,1.08568611145019522368e+00,1.90099673101212819636e-02,47,100,1.97772920000716112554e-02);
INSERT INTO "clnp_epochs" VALUES(12,1,1,1.05068563461303710049e+00,2.19650198234012349052e-02,52,100,1.46254589999443851411e-02);
INSERT INTO "clnp_epochs" VALUES(12,1,2,8.94985923767089852631e-01,2.68736336815636606134e-02,57,100,4.5981230014149332419e-03);
INSERT INTO "clnp_epochs" VALUES(13,1,1,1.07850227355957040131e+00,2.15914772581309076862e-03,31,100,1.41688530002284096553e-02);
INSERT INTO "clnp_epochs" VALUES(13,1,2,1.06084020614624030542e+00,2.06401456140447399009e-03,31,100,9.70731199959118384867e-03);
INSERT INTO "clnp_epochs" VALUES(14,1,1,1.10003820419311515443e+00,2.19729850506410022414e-03,31,100,8.18139199873257894068e-03);
INSERT INTO "clnp_epochs" VALUES(14,1,2,1.02418752670288082384e+00,2.81102938479743918315e-03,31,100,1.22336759995960164815e-02);
CREATE TABLE clnp_evaluations (
	commit_id INTEGER NOT NULL, 
	on_task BIGINT NOT NULL, 
	test_correct BIGINT NOT NULL, 
	test_total BIGINT NOT NULL, 
	test_accuracy FLOAT NOT NULL, 
	logits_digest TEXT NOT NULL, val_correct BIGINT, val_total BIGINT, 
	CONSTRAINT pk_clnp_evaluations PRIMARY KEY (commit_id, on_task), 
	CONSTRAINT ck_clnp_evaluations_test_correct CHECK (test_correct BETWEEN 0 AND test_total), 
	CONSTRAINT fk_clnp_evaluations_commit_id FOREIGN KEY(commit_id) REFERENCES clnp_commits (id) ON DELETE CASCADE
);
INSERT INTO "clnp_evaluations" VALUES(1,1,48,100,0.48,'655a3ef0465a9f30fddf25f4dde0c19a05c6f9069b83961800c1944165955273',46,100);
INSERT INTO "clnp_evaluations" VALUES(2,1,48,100,0.48,'655a3ef0465a9f30fddf25f4dde0c19a05c6f9069b83961800c1944165955273',46,100);
INSERT INTO "clnp_evaluations" VALUES(2,2,35,100,0.35,'655a3ef0465a9f30fddf25f4dde0c19a05c6f9069b83961800c1944165955273',31,100);
INSERT INTO "clnp_evaluations" VALUES(3,1,48,100,0.48,'655a3ef0465a9f30fddf25f4dde0c19a05c6f9069b83961800c1944165955273',46,100);
CREATE TABLE clnp_events (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	message TEXT NOT NULL, 
	details JSON NOT NULL, 
	CONSTRAINT pk_clnp_events PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_events_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE
);
INSERT INTO "clnp_events" VALUES(1,1,'2026-11-26 21:16:34.237947','run','created with 2 tasks','{"config_digest": "35d6bd7f226b11d86156da9ba42038061e7fac5362f495cb1f6fb5afe7c311f1"}');
INSERT INTO "clnp_events" VALUES(2,1,'2026-11-26 21:16:34.252132','lease','driven by process 6335 on laptop','{"host": "laptop", "pid": 6335, "fence": 1}');
INSERT INTO "clnp_events" VALUES(3,1,'2026-11-26 21:16:52.044956','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(4,1,'2026-11-26 21:17:10.820791','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(5,1,'2026-11-26 21:17:15.569155','stage','task 1: selecting → committing: trial 0 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(6,1,'2026-11-26 21:17:15.641193','stage','task 1: committing → committed: cfd890305169','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(7,1,'2026-11-26 21:17:15.714944','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(8,1,'2026-11-26 21:17:31.519521','stage','task 2: sweeping → selecting: 4 trials ended','{"task": 2, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(9,1,'2026-11-26 21:17:36.890715','stage','task 2: selecting → committing: trial 0 chosen','{"task": 2, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(10,1,'2026-11-26 21:17:36.997644','stage','task 2: committing → committed: c37bd67645a1','{"task": 2, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(11,1,'2026-11-26 21:17:38.500914','lease','released by process 6335 on laptop','{}');
INSERT INTO "clnp_events" VALUES(12,2,'2026-11-26 21:17:41.072945','run','created with 2 tasks','{"config_digest": "53138195398a18e38da497841b6dc5bb2cd40a06c2381baca6c9d301f4a7099b"}');
INSERT INTO "clnp_events" VALUES(13,2,'2026-11-26 21:17:41.086122','lease','driven by process 7301 on laptop','{"host": "laptop", "pid": 7301, "fence": 1}');
INSERT INTO "clnp_events" VALUES(14,2,'2026-11-26 21:17:57.719281','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(15,2,'2026-11-26 21:18:07.677310','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(16,2,'2026-11-26 21:18:11.753830','stage','task 1: selecting → committing: trial 0 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(17,2,'2026-11-26 21:18:11.879746','stage','task 1: committing → committed: cfd890305169','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(18,2,'2026-11-26 21:18:12.001675','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
CREATE TABLE clnp_requests (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	details JSON NOT NULL, 
	requested_at DATETIME NOT NULL, 
	answered_at DATETIME, 
	answer TEXT, 
	CONSTRAINT pk_clnp_requests PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_requests_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE, 
	CONSTRAINT ck_clnp_requests_kind CHECK (kind IN ('stop', 'cancel'))
);
CREATE TABLE clnp_run_groups (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_clnp_run_groups PRIMARY KEY (id), 
	CONSTRAINT uq_clnp_run_groups_name UNIQUE (name)
);
CREATE TABLE clnp_runs (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	group_id INTEGER, 
	method TEXT NOT NULL, 
	benchmark TEXT NOT NULL, 
	tasks BIGINT NOT NULL, 
	seed BIGINT NOT NULL, 
	margin_points TEXT NOT NULL, 
	config JSON NOT NULL, 
	config_digest TEXT NOT NULL, 
	code_version TEXT NOT NULL, 
	package_versions JSON NOT NULL, 
	environment JSON, 
	forked_from_run_id INTEGER, 
	forked_after_task BIGINT, 
	created_at DATETIME NOT NULL, 
	fence BIGINT NOT NULL, 
	owner_host TEXT, 
	owner_pid BIGINT, 
	owner_process_started FLOAT, 
	owner_driver_id TEXT, 
	lease_ttl_seconds FLOAT, 
	heartbeat_at DATETIME, 
	CONSTRAINT pk_clnp_runs PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_runs_forked_from_run_id FOREIGN KEY(forked_from_run_id) REFERENCES clnp_runs (id) ON DELETE SET NULL, 
	CONSTRAINT fk_clnp_runs_group_id FOREIGN KEY(group_id) REFERENCES clnp_run_groups (id), 
	CONSTRAINT uq_clnp_runs_name UNIQUE (name)
);
INSERT INTO "clnp_runs" VALUES(1,'finished',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "finished", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null, "class_order": "index", "samples_per_class": null}, "network": {"name": null, "width_factor": 1.0, "params": {}, "activation": "relu", "layers": null, "output": null, "hidden": [8, 6], "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "precision": "float32", "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "first_tasks": null, "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null, "reuse_trials": false}, "selection": {"margin_points": "20", "threshold": "shared", "rule": "sparsest", "capacity_weight_points": null, "curve_points": 5}, "fine_tuning": null, "capacity": {"on_depletion": "stop", "widen_by": null, "widen_below": 0.0}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "trials_per_pack": 1, "max_concurrent_trials": null, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "checkpoint_every_seconds": 300.0, "job_time_limit_seconds": null, "retries": 2, "database_patience_seconds": 600.0, "threads_per_trial": 1}, "storage": {"keep_trials": 10}}','35d6bd7f226b11d86156da9ba42038061e7fac5362f495cb1f6fb5afe7c311f1','0.1.0+e24ef2b7e4b0','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}',NULL,NULL,'2026-11-26 21:16:34.232288',2,NULL,NULL,NULL,NULL,60.0,'2026-11-26 21:17:37.011275');
INSERT INTO "clnp_runs" VALUES(2,'interrupted',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "interrupted", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null, "class_order": "index", "samples_per_class": null}, "network": {"name": null, "width_factor": 1.0, "params": {}, "activation": "relu", "layers": null, "output": null, "hidden": [8, 6], "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "precision": "float32", "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "first_tasks": null, "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null, "reuse_trials": false}, "selection": {"margin_points": "20", "threshold": "shared", "rule": "sparsest", "capacity_weight_points": null, "curve_points": 5}, "fine_tuning": null, "capacity": {"on_depletion": "stop", "widen_by": null, "widen_below": 0.0}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "trials_per_pack": 1, "max_concurrent_trials": 1, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "checkpoint_every_seconds": 300.0, "job_time_limit_seconds": null, "retries": 2, "database_patience_seconds": 600.0, "threads_per_trial": 1}, "storage": {"keep_trials": 10}}','53138195398a18e38da497841b6dc5bb2cd40a06c2381baca6c9d301f4a7099b','0.1.0+e24ef2b7e4b0','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}',NULL,NULL,'2026-11-26 21:17:41.056988',1,'laptop',7301,1795727859.45,'55dbfcb3c6a84fdf89dde20307b75070@27706e98-21da-44a7-910a-57e0e9753fce.898245',60.0,'2026-11-26 21:18:22.222129');
CREATE TABLE "clnp_selections" (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	chosen_trial_id INTEGER NOT NULL, 
	best_val_correct BIGINT NOT NULL, 
	val_total BIGINT NOT NULL, 
	margin_points TEXT NOT NULL, 
	picked JSON NOT NULL, 
	thresholds JSON NOT NULL, 
	pruned_val_correct BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	hidden_total BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	scan_seconds FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	rule VARCHAR(32) NOT NULL, 
	capacity_weight_points TEXT, 
	CONSTRAINT pk_clnp_selections PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_selections_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT fk_clnp_selections_chosen_trial_id FOREIGN KEY(chosen_trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_selections_stage_id UNIQUE (stage_id), 
	CONSTRAINT ck_clnp_selections_rule CHECK (rule IN ('sparsest', 'trade-off'))
);
INSERT INTO "clnp_selections" VALUES(1,1,1,57,100,'20','[0, 1, 2, 3]','[0.4426368263363838, 0.4426368263363838]',46,14,14,'sparsest within the margin: 14 neurons free, 46 of 100 correct after pruning',4.72871299899998120963e+00,'2026-11-26 21:17:15.569431','sparsest',NULL);
INSERT INTO "clnp_selections" VALUES(2,2,5,42,100,'20','[0, 1, 2, 3]','[0.5941822646558285, 0.5941822646558285]',31,14,14,'sparsest within the margin: 14 neurons free, 31 of 100 correct after pruning',5.3494126379991939757e+00,'2026-11-26 21:17:36.890807','sparsest',NULL);
INSERT INTO "clnp_selections" VALUES(3,3,9,57,100,'20','[0, 1, 2, 3]','[0.4426368263363838, 0.4426368263363838]',46,14,14,'sparsest within the margin: 14 neurons free, 46 of 100 correct after pruning',4.05978504100130521692e+00,'2026-11-26 21:18:11.753937','sparsest',NULL);
CREATE TABLE clnp_stages (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	task BIGINT NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	failed_from VARCHAR(32), 
	reason TEXT, 
	train_total BIGINT, 
	val_total BIGINT, 
	test_total BIGINT, 
	input_shape JSON, 
	classes BIGINT, 
	split_digest TEXT, 
	task_fingerprint TEXT, 
	environment JSON, 
	architecture JSON, 
	base_digest TEXT, 
	sweep_started_at DATETIME, 
	sweep_ended_at DATETIME, 
	selected_at DATETIME, 
	ended_at DATETIME, 
	CONSTRAINT pk_clnp_stages PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_stages_task CHECK (task >= 1), 
	CONSTRAINT fk_clnp_stages_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_stages_run_id_task UNIQUE (run_id, task), 
	CONSTRAINT ck_clnp_stages_state CHECK (state IN ('pending', 'sweeping', 'selecting', 'committing', 'committed', 'failed', 'depleted')), 
	CONSTRAINT ck_clnp_stages_failed_from CHECK (failed_from IN ('pending', 'sweeping', 'selecting', 'committing', 'committed', 'failed', 'depleted'))
);
INSERT INTO "clnp_stages" VALUES(1,1,1,'committed',NULL,NULL,200,100,100,'[6]',3,'54de6d81758627919dc72e1c738ade31031914828b0c9e15f9b5aa6140473bfd','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 3, "head": "single", "head_bias": false, "output": {"kind": "dense"}}',NULL,'2026-11-26 21:16:52.045092','2026-11-26 21:17:10.820856','2026-11-26 21:17:15.569431','2026-11-26 21:17:15.641266');
INSERT INTO "clnp_stages" VALUES(2,1,2,'committed',NULL,NULL,200,100,100,'[6]',3,'705e36636af7d342e9d0782c778df2c539164fdff68826dc465f83e0025e9d02','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 3, "head": "single", "head_bias": false, "output": {"kind": "dense"}}','cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2','2026-11-26 21:17:15.715029','2026-11-26 21:17:31.519758','2026-11-26 21:17:36.890807','2026-11-26 21:17:36.997709');
INSERT INTO "clnp_stages" VALUES(3,2,1,'committed',NULL,NULL,200,100,100,'[6]',3,'54de6d81758627919dc72e1c738ade31031914828b0c9e15f9b5aa6140473bfd','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 3, "head": "single", "head_bias": false, "output": {"kind": "dense"}}',NULL,'2026-11-26 21:17:57.719559','2026-11-26 21:18:07.677405','2026-11-26 21:18:11.753937','2026-11-26 21:18:11.879852');
INSERT INTO "clnp_stages" VALUES(4,2,2,'sweeping',NULL,NULL,200,100,100,'[6]',3,'705e36636af7d342e9d0782c778df2c539164fdff68826dc465f83e0025e9d02','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+e24ef2b7e4b0", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 3, "head": "single", "head_bias": false, "output": {"kind": "dense"}}','cfd8903051695f6baefe5de6c1e01f24378c4de318a4043bc40611bc19f1bdd2','2026-11-26 21:18:12.001835',NULL,NULL,NULL);
CREATE TABLE clnp_threshold_points (
	trial_id INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	threshold FLOAT NOT NULL, 
	val_correct BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	CONSTRAINT pk_clnp_threshold_points PRIMARY KEY (trial_id, position), 
	CONSTRAINT fk_clnp_threshold_points_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE
);
INSERT INTO "clnp_threshold_points" VALUES(1,0,0.0,48,3);
INSERT INTO "clnp_threshold_points" VALUES(1,1,1.2637704983353615154e-02,48,6);
INSERT INTO "clnp_threshold_points" VALUES(1,2,1.61734405197203168214e-01,49,8);
INSERT INTO "clnp_threshold_points" VALUES(1,3,2.10098556056618701592e-01,46,11);
INSERT INTO "clnp_threshold_points" VALUES(1,4,4.42636826336383792934e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(3,0,0.0,50,1);
INSERT INTO "clnp_threshold_points" VALUES(3,1,1.26528796553611756064e-02,50,4);
INSERT INTO "clnp_threshold_points" VALUES(3,2,1.01614779718220235582e-01,26,8);
INSERT INTO "clnp_threshold_points" VALUES(3,3,3.7091588772833344878e-01,46,11);
INSERT INTO "clnp_threshold_points" VALUES(3,4,7.48921661972999586076e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(4,0,0.0,57,5);
INSERT INTO "clnp_threshold_points" VALUES(4,1,2.20655600279569624744e-01,51,7);
INSERT INTO "clnp_threshold_points" VALUES(4,2,5.74160019457340187187e-01,46,10);
INSERT INTO "clnp_threshold_points" VALUES(4,3,6.49721002951264336999e-01,46,12);
INSERT INTO "clnp_threshold_points" VALUES(4,4,9.58306037336587923647e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(2,0,0.0,46,6);
INSERT INTO "clnp_threshold_points" VALUES(2,1,1.6114816442131996068e-03,46,8);
INSERT INTO "clnp_threshold_points" VALUES(2,2,1.42903145924210550621e-01,46,10);
INSERT INTO "clnp_threshold_points" VALUES(2,3,5.30891504138708114624e-01,46,12);
INSERT INTO "clnp_threshold_points" VALUES(2,4,9.85392412841320064487e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(6,0,0.0,31,10);
INSERT INTO "clnp_threshold_points" VALUES(6,1,2.29919898770749558947e-01,31,11);
INSERT INTO "clnp_threshold_points" VALUES(6,2,6.52786419540643647607e-01,31,12);
INSERT INTO "clnp_threshold_points" VALUES(6,3,0.877118570804596,31,13);
INSERT INTO "clnp_threshold_points" VALUES(6,4,1.28775436341762539171e+00,31,14);
INSERT INTO "clnp_threshold_points" VALUES(7,0,0.0,42,6);
INSERT INTO "clnp_threshold_points" VALUES(7,1,5.72937526740133762359e-02,41,8);
INSERT INTO "clnp_threshold_points" VALUES(7,2,9.68981652706861484869e-02,39,10);
INSERT INTO "clnp_threshold_points" VALUES(7,3,4.39996398687362677559e-01,31,12);
INSERT INTO "clnp_threshold_points" VALUES(7,4,6.34920451492071102883e-01,31,14);
INSERT INTO "clnp_threshold_points" VALUES(8,0,0.0,42,10);
INSERT INTO "clnp_threshold_points" VALUES(8,1,3.96289858594536803515e-02,39,11);
INSERT INTO "clnp_threshold_points" VALUES(8,2,8.68262334167957255948e-02,39,12);
INSERT INTO "clnp_threshold_points" VALUES(8,3,3.0560811974108220701e-01,39,13);
INSERT INTO "clnp_threshold_points" VALUES(8,4,6.60578285455703739792e-01,31,14);
INSERT INTO "clnp_threshold_points" VALUES(5,0,0.0,31,3);
INSERT INTO "clnp_threshold_points" VALUES(5,1,8.10265604034066250216e-02,31,6);
INSERT INTO "clnp_threshold_points" VALUES(5,2,1.42851181924343095808e-01,31,8);
INSERT INTO "clnp_threshold_points" VALUES(5,3,2.23827552497386922381e-01,31,11);
INSERT INTO "clnp_threshold_points" VALUES(5,4,5.94182264655828462629e-01,31,14);
INSERT INTO "clnp_threshold_points" VALUES(9,0,0.0,48,3);
INSERT INTO "clnp_threshold_points" VALUES(9,1,1.2637704983353615154e-02,48,6);
INSERT INTO "clnp_threshold_points" VALUES(9,2,1.61734405197203168214e-01,49,8);
INSERT INTO "clnp_threshold_points" VALUES(9,3,2.10098556056618701592e-01,46,11);
INSERT INTO "clnp_threshold_points" VALUES(9,4,4.42636826336383792934e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(10,0,0.0,46,6);
INSERT INTO "clnp_threshold_points" VALUES(10,1,1.6114816442131996068e-03,46,8);
INSERT INTO "clnp_threshold_points" VALUES(10,2,1.42903145924210550621e-01,46,10);
INSERT INTO "clnp_threshold_points" VALUES(10,3,5.30891504138708114624e-01,46,12);
INSERT INTO "clnp_threshold_points" VALUES(10,4,9.85392412841320064487e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(11,0,0.0,50,1);
INSERT INTO "clnp_threshold_points" VALUES(11,1,1.26528796553611756064e-02,50,4);
INSERT INTO "clnp_threshold_points" VALUES(11,2,1.01614779718220235582e-01,26,8);
INSERT INTO "clnp_threshold_points" VALUES(11,3,3.7091588772833344878e-01,46,11);
INSERT INTO "clnp_threshold_points" VALUES(11,4,7.48921661972999586076e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(12,0,0.0,57,5);
INSERT INTO "clnp_threshold_points" VALUES(12,1,2.20655600279569624744e-01,51,7);
INSERT INTO "clnp_threshold_points" VALUES(12,2,5.74160019457340187187e-01,46,10);
INSERT INTO "clnp_threshold_points" VALUES(12,3,6.49721002951264336999e-01,46,12);
INSERT INTO "clnp_threshold_points" VALUES(12,4,9.58306037336587923647e-01,46,14);
INSERT INTO "clnp_threshold_points" VALUES(13,0,0.0,31,3);
INSERT INTO "clnp_threshold_points" VALUES(13,1,8.10265604034066250216e-02,31,6);
INSERT INTO "clnp_threshold_points" VALUES(13,2,1.42851181924343095808e-01,31,8);
INSERT INTO "clnp_threshold_points" VALUES(13,3,2.23827552497386922381e-01,31,11);
INSERT INTO "clnp_threshold_points" VALUES(13,4,5.94182264655828462629e-01,31,14);
INSERT INTO "clnp_threshold_points" VALUES(14,0,0.0,31,10);
INSERT INTO "clnp_threshold_points" VALUES(14,1,2.29919898770749558947e-01,31,11);
INSERT INTO "clnp_threshold_points" VALUES(14,2,6.52786419540643647607e-01,31,12);
INSERT INTO "clnp_threshold_points" VALUES(14,3,0.877118570804596,31,13);
INSERT INTO "clnp_threshold_points" VALUES(14,4,1.28775436341762539171e+00,31,14);
CREATE TABLE clnp_trials (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	alpha JSON NOT NULL, 
	learning_rate FLOAT NOT NULL, 
	seed BIGINT NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	failure_kind VARCHAR(32), 
	failure_reason TEXT, 
	attempts BIGINT NOT NULL, 
	ray_trial_id TEXT, 
	host TEXT, 
	device TEXT, 
	val_correct BIGINT, 
	val_total BIGINT, 
	val_accuracy FLOAT, 
	hidden_total BIGINT, 
	best_epoch BIGINT, 
	epochs_run BIGINT, 
	train_seconds FLOAT, 
	total_seconds FLOAT, 
	artifact_digest TEXT, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, reused_from TEXT, role VARCHAR(32) DEFAULT 'candidate' NOT NULL CONSTRAINT ck_clnp_trials_role CHECK (role IN ('candidate', 'teacher')), 
	CONSTRAINT pk_clnp_trials PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_trials_val_correct CHECK (val_correct BETWEEN 0 AND val_total), 
	CONSTRAINT fk_clnp_trials_artifact_digest FOREIGN KEY(artifact_digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_trials_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_trials_stage_id_number UNIQUE (stage_id, number), 
	CONSTRAINT ck_clnp_trials_state CHECK (state IN ('pending', 'running', 'finished', 'failed')), 
	CONSTRAINT ck_clnp_trials_failure_kind CHECK (failure_kind IN ('diverged', 'timed out', 'error', 'lost'))
);
INSERT INTO "clnp_trials" VALUES(1,1,0,'a688cdece26f6aad4801a716a70b3727900e89bedc861fbd75c7467c04edc377','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'9e24cafd','laptop','cpu',48,100,0.48,14,1,2,8.92070390000299084931e-02,4.81061435400079062674e+00,'9ccf607c13d395058c7cbbba903af90e879b8171fa8e5f6f74194098f0e880bd','2026-11-26 21:16:52.045099','2026-11-26 21:17:05.162572','2026-11-26 21:17:09.985567',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(2,1,1,'71f65eb79b07a3cc326b6e1833bbb70f2c75d2cb7a129c3ba02069ad86b0e93c','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'ec46fb2f','laptop','cpu',46,100,0.46,14,1,2,9.9679535000177565962e-02,4.78046110900140774901e+00,'c419249865d589369786c61458b9e53bdf3b95e12ac491a46b9b9c3fe11d75e5','2026-11-26 21:16:52.045099','2026-11-26 21:17:05.982251','2026-11-26 21:17:10.772150',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(3,1,2,'12615fa3098442cfb0c6a2ef295759005e824721d77bcd31e91c500216046015','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'dc72c40e','laptop','cpu',50,100,0.5,14,1,2,1.48415589992509922012e-02,2.92506870009674457833e-02,'eba136c02a351975d7d6328e6773556916899ddfbb96480453a5f1613010fecb','2026-11-26 21:16:52.045099','2026-11-26 21:17:10.005029','2026-11-26 21:17:10.042296',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(4,1,3,'28ac502bde29fbc14e4637760c7d36072b373ca50e3599835ea38f0a68d5bb7a','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'202112a1','laptop','cpu',57,100,0.57,14,2,2,2.53905280005710665136e-02,5.97526600013225106522e-02,'a5ebb91e148924fb51be19f95738f9a11b6168183fe1cd7ad5c0e8893ea348ae','2026-11-26 21:16:52.045099','2026-11-26 21:17:10.066822','2026-11-26 21:17:10.137213',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(5,2,0,'213eedb2482ef162c94ff137a3dd753fd6db203b5a34ea130eb70864d21be8d8','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'6527a648','laptop','cpu',31,100,0.31,14,1,2,4.42063760001474292948e-02,5.37671201400007703341e+00,'05d1837c13953836e2a3eba2471a101426c9639406c411f62ec436786dc82296','2026-11-26 21:17:15.715033','2026-11-26 21:17:26.076210','2026-11-26 21:17:31.460002',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(6,2,1,'743ce2fc244f7b31d8f2f9f071b61a29acd1dbde3961c02a49d288649a3292ad','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'finished',NULL,NULL,1,'b9e220b8','laptop','cpu',31,100,0.31,14,1,2,8.18807949999609263613e-02,4.01988954199987347237e+00,'c13674b3b48d8a5c5482f06686615dfe3956cf57a9818ac94a0ec287d891379b','2026-11-26 21:17:15.715033','2026-11-26 21:17:26.174586','2026-11-26 21:17:30.200792',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(7,2,2,'22daa1260d5a07ef2922e04f014d3a879be0c6e3292441ddbfb5ac3176b4191d','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'finished',NULL,NULL,1,'b24856c3','laptop','cpu',42,100,0.42,14,1,2,4.20371720010734861716e-02,8.87211589997605187818e-02,'fd77bc9ebb087bc0147c1464504221b5fa76827303e30e6c5ac8277093b39f46','2026-11-26 21:17:15.715033','2026-11-26 21:17:30.218315','2026-11-26 21:17:30.316803',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(8,2,3,'af433f7a183bc31e974f712d2b7c042d8df80ae798fbe751948c623d8d4409b7','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'finished',NULL,NULL,1,'ad0fef68','laptop','cpu',42,100,0.42,14,1,2,5.91964550003467593342e-02,9.16706289990543154999e-02,'7dbffc7857c10fa368e5a0e76cb8400dc8dd7e13d0590ee80b262e33636a8abb','2026-11-26 21:17:15.715033','2026-11-26 21:17:30.333965','2026-11-26 21:17:30.434653',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(9,3,0,'a688cdece26f6aad4801a716a70b3727900e89bedc861fbd75c7467c04edc377','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'0ca2423c','laptop','cpu',48,100,0.48,14,1,2,5.41655709985207067802e-02,2.86920142800045141484e+00,'9ccf607c13d395058c7cbbba903af90e879b8171fa8e5f6f74194098f0e880bd','2026-11-26 21:17:57.719570','2026-11-26 21:18:04.472017','2026-11-26 21:18:07.351191',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(10,3,1,'71f65eb79b07a3cc326b6e1833bbb70f2c75d2cb7a129c3ba02069ad86b0e93c','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'b11e5792','laptop','cpu',46,100,0.46,14,1,2,3.28156800005672266706e-02,5.15929599987430265173e-02,'c419249865d589369786c61458b9e53bdf3b95e12ac491a46b9b9c3fe11d75e5','2026-11-26 21:17:57.719570','2026-11-26 21:18:07.378224','2026-11-26 21:18:07.442716',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(11,3,2,'12615fa3098442cfb0c6a2ef295759005e824721d77bcd31e91c500216046015','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'5ff1cd99','laptop','cpu',50,100,0.5,14,1,2,3.69324290004442445933e-02,6.1546466999061522074e-02,'eba136c02a351975d7d6328e6773556916899ddfbb96480453a5f1613010fecb','2026-11-26 21:17:57.719570','2026-11-26 21:18:07.482043','2026-11-26 21:18:07.558702',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(12,3,3,'28ac502bde29fbc14e4637760c7d36072b373ca50e3599835ea38f0a68d5bb7a','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'a8aa2681','laptop','cpu',57,100,0.57,14,2,2,1.95821630004502367228e-02,2.95337170009588589891e-02,'a5ebb91e148924fb51be19f95738f9a11b6168183fe1cd7ad5c0e8893ea348ae','2026-11-26 21:17:57.719570','2026-11-26 21:18:07.587831','2026-11-26 21:18:07.625405',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(13,4,0,'213eedb2482ef162c94ff137a3dd753fd6db203b5a34ea130eb70864d21be8d8','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'96ce80a0','laptop','cpu',31,100,0.31,14,1,2,6.34757950010680360719e-02,3.14505380999980843625e+00,'05d1837c13953836e2a3eba2471a101426c9639406c411f62ec436786dc82296','2026-11-26 21:18:12.001844','2026-11-26 21:18:19.020356','2026-11-26 21:18:22.171344',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(14,4,1,'743ce2fc244f7b31d8f2f9f071b61a29acd1dbde3961c02a49d288649a3292ad','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'finished',NULL,NULL,1,'53e132d8','laptop','cpu',31,100,0.31,14,1,2,2.07048869997379370033e-02,3.1684915000369073823e-02,'c13674b3b48d8a5c5482f06686615dfe3956cf57a9818ac94a0ec287d891379b','2026-11-26 21:18:12.001844','2026-11-26 21:18:22.194921','2026-11-26 21:18:22.233818',NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(15,4,2,'22daa1260d5a07ef2922e04f014d3a879be0c6e3292441ddbfb5ac3176b4191d','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'pending',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-26 21:18:12.001844',NULL,NULL,NULL,'candidate');
INSERT INTO "clnp_trials" VALUES(16,4,3,'af433f7a183bc31e974f712d2b7c042d8df80ae798fbe751948c623d8d4409b7','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'pending',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-26 21:18:12.001844',NULL,NULL,NULL,'candidate');
CREATE TABLE "clnp_verdicts" (
	trial_id INTEGER NOT NULL, 
	selection_id INTEGER NOT NULL, 
	verdict VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	thresholds JSON, 
	pruned_val_correct BIGINT, 
	free_neurons BIGINT, 
	CONSTRAINT pk_clnp_verdicts PRIMARY KEY (trial_id), 
	CONSTRAINT fk_clnp_verdicts_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE, 
	CONSTRAINT fk_clnp_verdicts_selection_id FOREIGN KEY(selection_id) REFERENCES clnp_selections (id) ON DELETE CASCADE, 
	CONSTRAINT ck_clnp_verdicts_verdict CHECK (verdict IN ('chosen', 'sparser one exists', 'better trade-off exists', 'worse tie', 'outside margin', 'failed'))
);
INSERT INTO "clnp_verdicts" VALUES(1,1,'chosen','sparsest within the margin: 14 neurons free, 46 of 100 correct after pruning','[0.4426368263363838, 0.4426368263363838]',46,14);
INSERT INTO "clnp_verdicts" VALUES(2,1,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.9853924128413201, 0.9853924128413201]',46,14);
INSERT INTO "clnp_verdicts" VALUES(3,1,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.7489216619729996, 0.7489216619729996]',46,14);
INSERT INTO "clnp_verdicts" VALUES(4,1,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.9583060373365879, 0.9583060373365879]',46,14);
INSERT INTO "clnp_verdicts" VALUES(5,2,'chosen','sparsest within the margin: 14 neurons free, 31 of 100 correct after pruning','[0.5941822646558285, 0.5941822646558285]',31,14);
INSERT INTO "clnp_verdicts" VALUES(6,2,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[1.2877543634176254, 1.2877543634176254]',31,14);
INSERT INTO "clnp_verdicts" VALUES(7,2,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.6349204514920711, 0.6349204514920711]',31,14);
INSERT INTO "clnp_verdicts" VALUES(8,2,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.6605782854557037, 0.6605782854557037]',31,14);
INSERT INTO "clnp_verdicts" VALUES(9,3,'chosen','sparsest within the margin: 14 neurons free, 46 of 100 correct after pruning','[0.4426368263363838, 0.4426368263363838]',46,14);
INSERT INTO "clnp_verdicts" VALUES(10,3,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.9853924128413201, 0.9853924128413201]',46,14);
INSERT INTO "clnp_verdicts" VALUES(11,3,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.7489216619729996, 0.7489216619729996]',46,14);
INSERT INTO "clnp_verdicts" VALUES(12,3,'worse tie','as sparse and as accurate as trial 0, which has the lower number','[0.9583060373365879, 0.9583060373365879]',46,14);
CREATE INDEX ix_clnp_runs_forked_from_run_id ON clnp_runs (forked_from_run_id);
CREATE INDEX ix_clnp_runs_group_id ON clnp_runs (group_id);
CREATE INDEX ix_clnp_events_run_id_id ON clnp_events (run_id, id);
CREATE INDEX ix_clnp_requests_run_id ON clnp_requests (run_id);
CREATE INDEX ix_clnp_commits_digest ON clnp_commits (digest);
CREATE INDEX ix_clnp_commits_parent_digest ON clnp_commits (parent_digest);
CREATE INDEX ix_clnp_trials_artifact_digest ON clnp_trials (artifact_digest);
CREATE INDEX ix_clnp_trials_key ON clnp_trials ("key");
CREATE INDEX ix_clnp_trials_stage_id_state ON clnp_trials (stage_id, state);
CREATE VIEW clnp_v_accuracy_matrix AS
SELECT r.name AS run, s.task AS after_task, e.on_task, e.test_correct, e.test_total, e.test_accuracy,
       c.digest AS commit_digest
FROM clnp_evaluations e
JOIN clnp_commits c ON c.id = e.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id;
CREATE VIEW clnp_v_capacity AS
SELECT r.name AS run, s.task, k.layer, k.total_neurons, k.used_neurons, k.new_neurons, k.reused_neurons, k.free_neurons,
       CAST(k.used_neurons AS DOUBLE PRECISION) / k.total_neurons AS used_fraction
FROM clnp_capacity k
JOIN clnp_commits c ON c.id = k.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id;
CREATE INDEX ix_clnp_selections_chosen_trial_id ON clnp_selections (chosen_trial_id);
CREATE INDEX ix_clnp_verdicts_selection_id ON clnp_verdicts (selection_id);
CREATE VIEW clnp_v_runs AS
WITH standing AS (
    SELECT r.id AS run_id,
           CASE WHEN r.owner_driver_id IS NOT NULL AND ABS((julianday('now') - julianday(r.heartbeat_at)) * 86400) < r.lease_ttl_seconds
                THEN 1 ELSE 0 END AS leased,
           CASE WHEN EXISTS (SELECT 1 FROM clnp_requests q WHERE q.run_id = r.id AND q.kind = 'cancel')
                THEN 1 ELSE 0 END AS cancel_requested,
           COUNT(*) AS stages,
           SUM(CASE WHEN s.state = 'committed' THEN 1 ELSE 0 END) AS committed,
           SUM(CASE WHEN s.state = 'depleted' THEN 1 ELSE 0 END) AS depleted,
           SUM(CASE WHEN s.state = 'failed' THEN 1 ELSE 0 END) AS failed,
           COALESCE(MAX(CASE WHEN s.state = 'committed' THEN s.task END), 0) AS tasks_committed
    FROM clnp_runs r JOIN clnp_stages s ON s.run_id = r.id
    GROUP BY r.id, r.owner_driver_id, r.heartbeat_at, r.lease_ttl_seconds
)
SELECT r.name AS run, g.name AS run_group,
       CASE WHEN t.committed = t.stages THEN 'completed'
            WHEN t.depleted > 0 THEN 'depleted'
            WHEN t.cancel_requested = 1 AND t.leased = 0 THEN 'cancelled'
            WHEN t.failed > 0 THEN 'failed'
            WHEN t.leased = 1 THEN 'running'
            ELSE 'stopped' END AS state,
       r.method, r.benchmark, r.tasks, t.tasks_committed, r.seed, r.margin_points,
       (SELECT AVG(e.test_accuracy) FROM clnp_evaluations e
        JOIN clnp_commits c ON c.id = e.commit_id JOIN clnp_stages s ON s.id = c.stage_id
        WHERE s.run_id = r.id AND s.task = (
            SELECT MAX(last.task) FROM clnp_stages last WHERE last.run_id = r.id AND last.state = 'committed')
       ) AS mean_test_accuracy,
       r.config_digest, r.code_version, r.created_at
FROM clnp_runs r JOIN standing t ON t.run_id = r.id LEFT JOIN clnp_run_groups g ON g.id = r.group_id;
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, t.role, t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, t.reused_from, t.best_epoch, t.epochs_run, t.train_seconds,
       t.total_seconds, t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id;
COMMIT;
